# Says who this is and whether root's work can be done without a question, a fact to a line behind the mark $1. Changes
# nothing.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
mark=$1
# A value with anything but plain characters is said in hexadecimal: no value is a line of its own.
say() {
    case $2 in
        *[!\ -~]*) printf 'fact %s %s:%s\n' "$mark" "$1" "$(printf %s "$2" | od -An -v -tx1 | tr -d ' \n')" ;;
        *) printf 'fact %s %s=%s\n' "$mark" "$1" "$2" ;;
    esac
}

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
