//! Every key of `gokku.yml`: what it does, and what it may be. Errors, the reference and the schema say it in these words.

/// One key, as the configuration reference shows it.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its place below `apps.<app>`.
    pub path: &'static str,
    /// What counts when it is not given; `-` for nothing.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
    /// What it may be.
    pub allowed: &'static str,
}

/// Every key.
pub const KEYS: &[Key] = &[
    Key {
        path: "path",
        default: ".",
        meaning: "The app's folder in the repository: its Dockerfile is looked for there first, and builds get it as the build argument APP_PATH",
        allowed: "a relative path without ..",
    },
    Key {
        path: "binary_name",
        default: "-",
        meaning: "The program the build makes: builds get it as the build argument BINARY_NAME. Without a Dockerfile, for Go and Rust: which program is built, and how it is called",
        allowed: "letters, digits, ., _ and -",
    },
    Key {
        path: "image",
        default: "-",
        meaning: "With a registry's host, as ghcr.io/me/app:1: the image that runs, without a build. Without a host, as python:3.12-slim, for a project without a Dockerfile: the image to build on",
        allowed: "[HOST/]NAME[:TAG][@sha256:DIGEST]",
    },
    Key {
        path: "lang",
        default: "-",
        meaning: "The language, where there is no Dockerfile; otherwise it is found",
        allowed: "go, node, python, ruby, rust, php or static",
    },
    Key {
        path: "workdir",
        default: "-",
        meaning: "The folder that is built, where there is no Dockerfile: where go.mod, package.json and so on are; otherwise path, or the nearest folder above it that has one",
        allowed: "a relative path without ..",
    },
    Key {
        path: "go_version",
        default: "-",
        meaning: "Go's version; otherwise what .tool-versions or go.mod says",
        allowed: "a version, 1.22 or 1.22.3",
    },
    Key {
        path: "goos",
        default: "linux",
        meaning: "GOOS of a Go build; containers are Linux",
        allowed: "linux",
    },
    Key {
        path: "goarch",
        default: "-",
        meaning: "GOARCH of a Go build; otherwise the server's",
        allowed: "386, amd64, arm, arm64, ppc64le, riscv64 or s390x",
    },
    Key {
        path: "cgo_enabled",
        default: "false",
        meaning: "Whether a Go build may use C; then the image is a small Debian, otherwise the program alone",
        allowed: "true, false, 1 or 0",
    },
    Key {
        path: "dockerfile",
        default: "-",
        meaning: "The Dockerfile; otherwise <path>/Dockerfile, then Dockerfile",
        allowed: "a relative path without ..",
    },
    Key {
        path: "build.args.<NAME>",
        default: "-",
        meaning: "A build argument, for an `ARG` of the Dockerfile; it stays in the image's history",
        allowed: "a name of letters, digits and _, not APP_PATH or BINARY_NAME, and any text",
    },
    Key {
        path: "build.secrets",
        default: "-",
        meaning: "Variables of the app's environment that the build may read, with RUN --mount=type=secret,id=NAME; they stay nowhere",
        allowed: "a list of variables' names, each once and none of build.args",
    },
    Key {
        path: "env.<NAME>",
        default: "-",
        meaning: "A variable of the app, unless `gokku config set` has set it; settings count, too. Everybody who can read the code can read it: no place for secrets",
        allowed: "a text without a NUL; with its name, at most 131,070 bytes",
    },
    Key {
        path: "ports",
        default: "-",
        meaning: "The server's ports and the container's behind them: one for HTTP, and with /tcp those whose bytes are passed on as they are",
        allowed: "a list of HOST:CONTAINER, at most one, and HOST:CONTAINER/tcp, at most 16; each from 1 to 65535",
    },
    Key {
        path: "protocol",
        default: "http1",
        meaning: "What the app speaks on its port: HTTP/1.1, or HTTP/2 without TLS, which gRPC needs. Its clients speak either, whatever it speaks",
        allowed: "http1 or h2c",
    },
    Key {
        path: "compression",
        default: "false",
        meaning: "Whether the switch compresses the app's answers, those of text, by zstd, brotli or gzip, for clients that take them so: [Compression](domains.md#compression)",
        allowed: "true or false",
    },
    Key {
        path: "error_pages",
        default: "-",
        meaning: "The folder with the pages that clients get where the switch has to answer because the app does not: 502.html, 503.html, 504.html, and 5xx.html for those of them that are not there: [Error pages](domains.md#error-pages)",
        allowed: "a relative path without ..",
    },
    Key {
        path: "proxy_protocol",
        default: "-",
        meaning: "The version of the PROXY protocol by which the app is told on its TCP ports whose each connection is; without one it is told nothing",
        allowed: "v1 or v2",
    },
    Key {
        path: "volumes",
        default: "-",
        meaning: "What stays when containers go: a volume of the app's own by its name, or a folder of the server, below one that `volumes.folders` in config.toml allows; what the image declares with VOLUME stays, too, where nothing else is mounted",
        allowed: "a list of NAME:/path or /folder:/path, with :ro behind it when it cannot be written to, or of /path:anonymous where nothing is kept",
    },
    Key {
        path: "network.name",
        default: "-",
        meaning: "A Docker network that somebody chose, instead of the app's own; it is made when it is missing. `network: NAME` says it, too",
        allowed: "a name: letters, digits, _, . and -; not host, none, bridge or default, and none that begins with gokku.",
    },
    Key {
        path: "network.apps",
        default: "-",
        meaning: "The other apps of the server that this one lets reach its containers, and whose containers it reaches where they say the same of it",
        allowed: "a list of apps' names, at most 32",
    },
    Key {
        path: "entrypoint",
        default: "-",
        meaning: "The program and its first words, instead of the image's ENTRYPOINT; an empty list for none",
        allowed: "a list of words",
    },
    Key {
        path: "command",
        default: "-",
        meaning: "The words after the entrypoint, instead of the image's CMD; no shell reads them",
        allowed: "a list of words, at least one",
    },
    Key {
        path: "init",
        default: "true, unless the image brings its own",
        meaning: "Whether containers run with the engine's init as their first process, as `docker run --init` does: it passes signals on, so that a program that handles no SIGTERM ends with it, and takes in processes that nobody waits for",
        allowed: "true or false",
    },
    Key {
        path: "environments[].name",
        default: "-",
        meaning: "An environment's name",
        allowed: "lower-case letters, digits and dashes; each name once",
    },
    Key {
        path: "environments[].branch",
        default: "main",
        meaning: "The branch whose pushes deploy to it",
        allowed: "a branch's name",
    },
    Key {
        path: "environments[].env.<NAME>",
        default: "-",
        meaning: "As `env`, for this environment alone; it counts before `env`",
        allowed: "a text without a NUL; with its name, at most 131,070 bytes",
    },
    Key {
        path: "environments[].domains[].name",
        default: "-",
        meaning: "A domain that leads to the app while a release that says so has its traffic: it comes and goes with the switch, and with a rollback. Those of `gokku domains add` stay. A name alone will do: `domains: [example.com]`",
        allowed: "example.com or *.example.com, which is every name one level below; at most 1000",
    },
    Key {
        path: "environments[].domains[].path",
        default: "/",
        meaning: "Only requests for this path and those below it",
        allowed: "a path that begins with /, as a URL has it",
    },
    Key {
        path: "environments[].domains[].strip_path",
        default: "false",
        meaning: "Whether the app gets its requests without that path",
        allowed: "true or false",
    },
    Key {
        path: "environments[].domains[].redirect_to",
        default: "-",
        meaning: "Where its requests are sent instead of to the app, with their path and query: 308",
        allowed: "a name, as example.com, or a URL, as https://example.com/docs",
    },
    Key {
        path: "environments[].domains[].www",
        default: "false",
        meaning: "Whether www.example.com sends its requests to example.com, or the other way round where the name begins with www.",
        allowed: "true or false; no wildcard has another name",
    },
    Key {
        path: "environments[].domains[].http",
        default: "redirect",
        meaning: "What is answered to those who ask by HTTP, once the domain has a certificate: they are sent to HTTPS, or the app answers them, too",
        allowed: "redirect or keep",
    },
    Key {
        path: "environments[].domains[].hsts",
        default: "-",
        meaning: "For how many seconds from each answer on clients are told to ask by HTTPS only",
        allowed: "a whole number from 0 to 4294967295",
    },
    Key {
        path: "deployment.keep_releases",
        default: "-",
        meaning: "How many releases keep their code, to look at, and their record; without, as many keep their code as their image, and 100 their record",
        allowed: "a whole number from 1 to 100",
    },
    Key {
        path: "deployment.keep_images",
        default: "5",
        meaning: "How many releases keep their image, so that they can be gone back to: no more than keep_releases; the active one and the one a rollback goes to always do",
        allowed: "a whole number from 1 to 100",
    },
    Key {
        path: "deployment.restart_policy",
        default: "always",
        meaning: "Whether a container that exits is started again: after a crash and after a reboot",
        allowed: "always, on-failure or no",
    },
    Key {
        path: "deployment.restart_delay",
        default: "5",
        meaning: "Seconds before it is started again",
        allowed: "a whole number from 0 to 3600",
    },
    Key {
        path: "deployment.post_deploy",
        default: "-",
        meaning: "Commands that run in the new container once a deploy has switched the traffic; one that fails is told and undoes nothing",
        allowed: "a list of commands, as in a Procfile",
    },
    Key {
        path: "health.path",
        default: "/health",
        meaning: "What HEALTH_CHECK_PATH is while the app's env does not set it",
        allowed: "a path that begins with /, as a URL has it, without spaces or #",
    },
    Key {
        path: "health.timeout",
        default: "30",
        meaning: "What HEALTH_CHECK_TIMEOUT is while the app's env does not set it",
        allowed: "a whole number from 1 to 3600",
    },
    Key {
        path: "resources.memory",
        default: "-",
        meaning: "The memory that a container of the app may use, its migration's too; one that needs more is killed",
        allowed: "a whole number and b, k, m or g, as 512m; at least 6m",
    },
    Key {
        path: "resources.cpus",
        default: "-",
        meaning: "The processors that it may use, or parts of them",
        allowed: "a number from 0.01 to 1024",
    },
    Key {
        path: "resources.pids",
        default: "4096",
        meaning: "The processes and threads that it may have, its migration and what `gokku exec` starts in it counted; 4194304 is as many as Linux has",
        allowed: "a whole number from 1 to 4194304",
    },
    Key {
        path: "capabilities",
        default: "-",
        meaning: "What its containers may do beyond what every container may: of the capabilities that Docker gives, NET_RAW, MKNOD, AUDIT_WRITE and SETFCAP are taken away. Each must be given to the app by the server's config.toml, in `apps.<app>.capabilities`",
        allowed: "a list of Linux capabilities, as NET_RAW, each once; CAP_ before it or not, in any case",
    },
    Key {
        path: "no_new_privileges",
        default: "false",
        meaning: "Whether no program in its containers gets more than the one that runs it, by a set-user-ID bit or by capabilities of a file, as `docker run --security-opt no-new-privileges` does",
        allowed: "true or false",
    },
    Key {
        path: "processes.<type>.command",
        default: "the Procfile's",
        meaning: "What the process runs; web without one runs the image's own command",
        allowed: "a command, as in a Procfile",
    },
    Key {
        path: "processes.<type>.count",
        default: "1",
        meaning: "How many containers there are of it, until `gokku ps scale` says otherwise",
        allowed: "a whole number from 0 to 100",
    },
    Key {
        path: "processes.<type>.overlap",
        default: "true",
        meaning: "Whether a new one may start while the old one still runs; not for web",
        allowed: "true or false",
    },
    Key {
        path: "processes.<type>.stay_up",
        default: "3",
        meaning: "Seconds that a new one has to stay up to be good; not for web, which is good when it answers",
        allowed: "a whole number from 0 to 600",
    },
    Key {
        path: "processes.<type>.check",
        default: "-",
        meaning: "A command that says in a new one, with exit code 0, that it is good, instead of stay_up; tried until it does or HEALTH_CHECK_TIMEOUT is over. Not for web",
        allowed: "a command, as in a Procfile",
    },
    Key {
        path: "docker.registry",
        default: "-",
        meaning: "At the top of the file: hosts of registries, beside those that gokku knows, whose images are ready to run",
        allowed: "a list of hosts, as registry.example.com:5000 or *.example.com",
    },
];
