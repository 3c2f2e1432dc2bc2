# Says who this is and whether root's work can be done without a question. Changes nothing.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
say() { printf 'fact %s=%s\n' "$1" "$2"; }

say kernel "$(uname -s)"
say machine "$(uname -m)"
say user "$(id -un)"
say uid "$(id -u)"
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        say sudo.refusal 'sudo is not installed'
    elif words=$(sudo -n sh -c : 2>&1 </dev/null); then
        say sudo yes
    else
        say sudo.refusal "$(printf '%s' "$words" | head -n 1)"
    fi
fi
say probed yes
