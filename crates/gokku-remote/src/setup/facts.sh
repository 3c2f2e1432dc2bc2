# Says what is so on a server, a fact to a line behind the mark $3, for the folder $1 and the user $2. Changes nothing.
root=$1
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
mark=$3
# A value with anything but plain characters is said in hexadecimal: no value is a line of its own.
say() {
    case $2 in
        *[!\ -~]*) printf 'fact %s %s:%s\n' "$mark" "$1" "$(printf %s "$2" | od -An -v -tx1 | tr -d ' \n')" ;;
        *) printf 'fact %s %s=%s\n' "$mark" "$1" "$2" ;;
    esac
}
has() { command -v "$1" >/dev/null 2>&1; }
# A file: whose it is, and its lines.
file() {
    [ -f "$2" ] || return 0
    say "$1" "$(stat -c '%U:%G %a' "$2")"
    while IFS= read -r line || [ -n "$line" ]; do say "$1.line" "$line"; done <"$2"
}

if [ -r /etc/os-release ]; then
    say system "$(. /etc/os-release && printf %s "${PRETTY_NAME:-$ID}")"
fi
for tool in apt-get git sudo dockerd; do has "$tool" && say has "$tool"; done
for tool in useradd usermod gpasswd userdel runuser sha256sum; do has "$tool" || say lacks "$tool"; done
[ -d /etc/cron.d ] && has cron && say has cron
[ -d /run/systemd/system ] && has systemctl && say systemd yes

socket=/var/run/docker.sock
if [ -S "$socket" ]; then
    say engine.group "$(stat -L -c %G "$socket")"
    if has docker && ! docker -H "unix://$socket" version >/dev/null 2>&1 </dev/null; then
        say engine silent
    else
        say engine answers
    fi
elif has dockerd; then
    say engine silent
fi

program=/usr/local/bin/gokku
[ -f "$program" ] && say program "$(sha256sum <"$program" | cut -d ' ' -f 1) $(stat -c '%U:%G %a' "$program")"

getent group gokku >/dev/null && say group "$(getent group gokku | cut -d : -f 4)"
if entry=$(getent passwd gokku); then
    say account.uid "$(id -u gokku)"
    say account.comment "$(printf %s "$entry" | cut -d : -f 5)"
    say account.home "$(printf %s "$entry" | cut -d : -f 6)"
    say account.groups "$(id -Gn gokku)"
    keys=$(printf %s "$entry" | cut -d : -f 6)/.ssh/authorized_keys
    [ -f "$keys" ] && say keys "$(grep -c 'entry --key' "$keys")"
fi
say user.groups "$(id -Gn "$2")"

if [ -L "$root" ]; then
    say root link
elif [ -d "$root" ]; then
    say root folder
    say root.is "$(stat -c '%U:%G %a' "$root")"
    say root.apps "$(find "$root/apps" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)"
    for entry in "$root"/* "$root"/.[!.]*; do
        case ${entry##*/} in
            apps | repos | proxy | run | config.toml | events.log* | '*' | '.[!.]*') ;;
            *) say root.other "${entry##*/}" ;;
        esac
    done
elif [ -e "$root" ]; then
    say root else
fi

file sudoers /etc/sudoers.d/gokku
file cron /etc/cron.d/gokku
file unit /etc/systemd/system/gokku.service
if has systemctl && [ -d /run/systemd/system ]; then
    systemctl is-enabled --quiet gokku.service 2>/dev/null && say unit.enabled yes
    systemctl is-active --quiet gokku.service && say unit.active yes
    [ "$(systemctl show -p NeedDaemonReload --value gokku.service 2>/dev/null)" = yes ] && say unit.unread yes
fi

# The traffic switch of this folder: its process, and whether its program has been replaced since. Anybody may call a
# process anything: it is the folder's owner's, or root's.
owner=$(stat -c %u "$root" 2>/dev/null)
user_of() {
    while read -r name uid rest; do
        [ "$name" = Uid: ] && printf %s "$uid" && return
    done 2>/dev/null <"$1/status"
}
from() { readlink "$1" 2>/dev/null || runuser -u gokku -- readlink "$1" 2>/dev/null; }
for process in /proc/[0-9]*; do
    words=$(tr '\0' ' ' 2>/dev/null <"$process/cmdline") || continue
    case "$words" in
        */gokku*' proxy run'* | 'gokku '*'proxy run'*) ;;
        *) continue ;;
    esac
    case "$(user_of "$process")" in
        0 | "${owner:-0}") ;;
        *) continue ;;
    esac
    case "$words" in
        *" --root $root "*) ;;
        *' --root '*) continue ;;
        *)
            said=$( (cat "$process/environ" || runuser -u gokku -- cat "$process/environ") 2>/dev/null | tr '\0' '\n' | grep '^GOKKU_ROOT=')
            [ "${said:-GOKKU_ROOT=/opt/gokku}" = "GOKKU_ROOT=$root" ] || continue
            ;;
    esac
    say daemon "${process#/proc/}"
    case "$(from "$process/exe")" in *' (deleted)') say daemon.stale yes ;; esac
done
say end yes
