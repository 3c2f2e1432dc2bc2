#!/usr/bin/env bash
# floor.sh - the hand-written "floor" of a git-push blue/green deploy on one Docker host.
#
# Nothing but git, docker, curl and bash: a bare repository whose post-receive
# hook exports the pushed tree, builds it, starts the new ("green") container
# next to the old one, polls its health path, then renames, stops and removes
# the old one. A real tool does the same Docker work and more, so its time can
# only approach these figures. There is no traffic switch here.
#
# Each round commits a change that misses the build cache, pushes, and prints
#   round,green_healthy_ms,all_done_ms,hook_start_ms,build_ms,run_ms,healthy_ms,rename_ms,stop_ms,rm_ms
# (the first two counted from the start of `git push`, the rest per step),
# then one "median" line. Everything made is removed at exit.
#
# usage: floor.sh [-s SRC] [-n ROUNDS] [-p PORT] [-H PATH] [-i POLL_S] [-t STOP_S] [-w TIMEOUT_S] [-a NAME] [-v] [-b]
#   -s  folder with a Dockerfile (default: a static C server FROM scratch, built here with cc)
#   -p  port the server listens on in the container (8080)   -H  health path (/health)
#   -i  poll interval, seconds (0.05)                        -t  grace for `docker stop` (10)
#   -w  health deadline, seconds (30)                        -a  name prefix (floor-<pid>)
#   -v  let the build's output through
#   -b  begin each round when a line comes in on standard input: for whoever takes turns with it
set -euo pipefail

src= rounds=7 port=8080 path=/health poll=0.05 grace=10 deadline=30 app=floor-$$ verbose=0 turns=0
while getopts s:n:p:H:i:t:w:a:vbh o; do
  case $o in
    s) src=$OPTARG ;; n) rounds=$OPTARG ;; p) port=$OPTARG ;; H) path=$OPTARG ;;
    i) poll=$OPTARG ;; t) grace=$OPTARG ;; w) deadline=$OPTARG ;; a) app=$OPTARG ;;
    v) verbose=1 ;; b) turns=1 ;; *) sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit 2 ;;
  esac
done

work=$(mktemp -d "${TMPDIR:-/tmp}/floor.XXXXXX")
cleanup() {
  docker rm -f "$app" "$app-green" "$app-old" >/dev/null 2>&1 || true
  docker images -q "$app" | sort -u | xargs -r docker rmi -f >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap cleanup EXIT

# --- the application ---------------------------------------------------------
if [[ -z $src ]]; then
  src=$work/app; mkdir "$src"
  cat >"$work/server.c" <<'C'
#include <arpa/inet.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
static void quit(int sig) { (void)sig; _exit(0); }
int main(void) {
  static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(8080)};
  int one = 1, s = socket(AF_INET, SOCK_STREAM, 0);
  char in[4096];
  signal(SIGTERM, quit); signal(SIGPIPE, SIG_IGN);
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(s, (void *)&at, sizeof at) || listen(s, 128)) return 1;
  for (;;) {
    int c = accept(s, 0, 0);
    if (c < 0) continue;
    if (read(c, in, sizeof in) > 0 && write(c, reply, strlen(reply)) < 0) { }
    close(c);
  }
}
C
  cc -Os -static -s -o "$src/app" "$work/server.c"
  printf 'FROM scratch\nCOPY app /app\nCOPY release /release\nENTRYPOINT ["/app"]\n' >"$src/Dockerfile"
fi

# --- the repositories --------------------------------------------------------
# No user or system git configuration gets in, and a caller's GIT_* cannot aim us elsewhere.
for v in $(git rev-parse --local-env-vars); do unset "$v"; done
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
git init -q --bare -b main "$work/app.git"
git init -q -b main "$work/clone"
g() { git -C "$work/clone" -c user.name=floor -c user.email=floor@localhost "$@"; }
cp -R "$src/." "$work/clone/"
echo 0 >"$work/clone/release"
g add -A; g commit -qm start; g remote add origin "$work/app.git"

# --- the deploy: runs inside `git push` --------------------------------------
cat >"$work/app.git/hooks/post-receive" <<'HOOK'
#!/usr/bin/env bash
set -euo pipefail
. "$FLOOR_ENV"
# no external command for a timestamp: it would be part of what is timed
now() { local t=$EPOCHREALTIME; echo "$1 ${t//[!0-9]/}" >>"$work/stamps"; }
now hook
while read -r _ rev ref; do [[ $ref == refs/heads/main ]] && break; done
tree=$(mktemp -d "$work/tree.XXXXXX")
git archive "$rev" | tar -x -C "$tree"
if ((verbose)); then docker build -t "$app:$rev" "$tree"; else docker build -q -t "$app:$rev" "$tree" >/dev/null; fi
rm -rf "$tree"
now build
docker run -d --name "$app-green" -p "127.0.0.1::$port" "$app:$rev" >/dev/null
at=$(docker port "$app-green" "$port/tcp"); at=${at%%$'\n'*}
now run
SECONDS=0
until curl -fs --max-time 2 -o /dev/null "http://$at$path"; do
  ((SECONDS < deadline)) || { echo "floor: $app-green never answered $path" >&2; docker rm -f "$app-green" >/dev/null; exit 1; }
  sleep "$poll"
done
now healthy
if docker container inspect "$app" >/dev/null 2>&1; then old=1; docker rename "$app" "$app-old"; else old=0; fi
docker rename "$app-green" "$app"
now rename
if ((old)); then docker stop -t "$grace" "$app-old" >/dev/null; fi
now stop
if ((old)); then docker rm "$app-old" >/dev/null; fi
now rm
HOOK
chmod +x "$work/app.git/hooks/post-receive"
export FLOOR_ENV=$work/env DOCKER_CLI_HINTS=false
for v in work app port path poll grace deadline verbose; do printf '%s=%q\n' "$v" "${!v}"; done >"$FLOOR_ENV"

# --- the rounds --------------------------------------------------------------
ms() { printf '%d.%d' $(($1 / 1000)) $(($1 % 1000 / 100)); }
echo "round,green_healthy_ms,all_done_ms,hook_start_ms,build_ms,run_ms,healthy_ms,rename_ms,stop_ms,rm_ms"
for ((i = 0; i <= rounds; i++)); do          # round 0 has no old container: not counted
  if ((turns)); then read -r _; fi
  echo "$i $RANDOM$RANDOM" >"$work/clone/release"
  g commit -qam "release $i"
  : >"$work/stamps"
  t0=${EPOCHREALTIME//[!0-9]/}
  g push -q origin main >"$work/push.log" 2>&1 || { cat "$work/push.log" >&2; exit 1; }
  end=${EPOCHREALTIME//[!0-9]/}
  ((verbose)) && cat "$work/push.log" >&2
  declare -A at=()
  while read -r what t; do at[$what]=$t; done <"$work/stamps"
  [[ ${at[rm]:-} ]] || { echo "floor: the hook did not finish" >&2; cat "$work/push.log" >&2; exit 1; }
  row=$(ms $((at[healthy] - t0))),$(ms $((end - t0)))
  prev=$t0
  for s in hook build run healthy rename stop rm; do row+=,$(ms $((at[$s] - prev))); prev=${at[$s]}; done
  ((i)) && echo "$i,$row" | tee -a "$work/rows"
done
awk -F, '{ n = NR; for (c = 2; c <= NF; c++) v[c, NR] = $c + 0; w = NF }
  END { printf "median"; for (c = 2; c <= w; c++) {
    for (i = 1; i <= n; i++) a[i] = v[c, i]
    for (i = 2; i <= n; i++) for (j = i; j > 1 && a[j] < a[j-1]; j--) { t = a[j]; a[j] = a[j-1]; a[j-1] = t }
    printf ",%.1f", n % 2 ? a[(n+1)/2] : (a[n/2] + a[n/2+1]) / 2 }
    print "" }' "$work/rows"
