//! The projects: a name, what `gokku.yml` says of the app, and the files.

use super::Files;

const GO_MOD: &str = "module example.com/shop/v2\n\ngo 1.22\n";
const NODE_SERVER: &str =
    r#"{"name": "shop", "scripts": {"start": "node server.js"}, "engines": {"node": ">=18 <21"}}"#;
const FLASK: &str = "from flask import Flask\n\napp = Flask(__name__)\n";
const RAILS_LOCK: &str =
    "GEM\n  specs:\n    pg (1.5.6)\n    puma (6.4.2)\n    rails (7.1.3)\n\nRUBY VERSION\n   ruby 3.2.2p53\n";

/// Projects that are built.
pub(super) const SHAPES: &[(&str, &str, Files)] = &[
    (
        "go-main",
        "",
        &[
            ("go.mod", GO_MOD),
            ("go.sum", ""),
            ("main.go", ""),
            ("main_test.go", ""),
        ],
    ),
    (
        "go-guide",
        "path: ./cmd/api\nbinary_name: api\ndeployment:\n  keep_images: 5",
        &[
            ("go.mod", GO_MOD),
            ("cmd/api/main.go", ""),
            ("cmd/worker/main.go", ""),
            ("templates/index.html", ""),
        ],
    ),
    (
        "node-bot",
        "processes:\n  web: {count: 0}",
        &[
            ("package.json", r#"{"name": "bot"}"#),
            ("package-lock.json", "{}"),
            ("bot.js", ""),
            ("Procfile", "release: node migrate.js\nworker: node bot.js\n"),
        ],
    ),
    (
        "python-workers",
        "processes:\n  web: {count: 0}\n  worker: {command: celery -A jobs worker}",
        &[("requirements.txt", "celery\n"), ("jobs.py", "")],
    ),
    (
        "go-one-command",
        "",
        &[
            ("go.mod", GO_MOD),
            (".tool-versions", "golang 1.23.1\n"),
            ("cmd/shopd/main.go", ""),
            ("shop.go", ""),
        ],
    ),
    (
        "go-every-key",
        "lang: go\npath: cmd/api\nworkdir: .\nbinary_name: shop\ngo_version: 1.21\ngoos: linux\ngoarch: arm64\ncgo_enabled: 1",
        &[("go.mod", GO_MOD), ("cmd/api/api.go", "")],
    ),
    (
        "go-in-a-folder",
        "path: services/api",
        &[
            ("services/api/go.mod", "module api\ngo 1.21\ntoolchain go1.22.3\n"),
            ("services/api/main.go", ""),
            ("package.json", NODE_SERVER),
        ],
    ),
    (
        "go-workdir",
        "workdir: services\npath: services/cmd/api",
        &[("services/go.mod", GO_MOD), ("services/cmd/api/main.go", "")],
    ),
    (
        "go-vendored",
        "",
        &[("go.mod", GO_MOD), ("vendor/modules.txt", ""), ("main.go", "")],
    ),
    (
        "go-workspace",
        "path: services/api/cmd/apid",
        &[
            (
                "go.work",
                "go 1.23 // of all\n\nuse (\n\t./lib // shared\n\t./services/api\n\t./gone\n)\n",
            ),
            ("go.work.sum", ""),
            ("lib/go.mod", "module example.com/lib\n"),
            ("lib/lib.go", ""),
            ("services/api/go.mod", GO_MOD),
            ("services/api/go.sum", ""),
            ("services/api/cmd/apid/main.go", ""),
            ("services/api/static/a.css", ""),
        ],
    ),
    (
        "go-workspace-of-one-program",
        "",
        &[
            ("go.work", "go 1.22\ntoolchain go1.22.4\nuse ./lib\nuse ./api\n"),
            ("lib/go.mod", "module example.com/lib\n"),
            ("lib/lib.go", ""),
            ("api/go.mod", GO_MOD),
            ("api/main.go", ""),
        ],
    ),
    (
        "go-replaced",
        "",
        &[
            (
                "go.mod",
                "module shop\n\ngo 1.22\n\nreplace example.com/lib => ./lib\n",
            ),
            ("go.sum", ""),
            ("main.go", ""),
            ("lib/go.mod", "module example.com/lib\n"),
        ],
    ),
    (
        "go-beside-tools",
        "",
        &[
            ("go.mod", GO_MOD),
            ("main.go", ""),
            ("package.json", r#"{"devDependencies": {"prettier": "3"}}"#),
        ],
    ),
    (
        "node-npm",
        "",
        &[
            ("package.json", NODE_SERVER),
            ("package-lock.json", ""),
            ("server.js", ""),
        ],
    ),
    (
        "node-own-packages",
        "path: web",
        &[
            (
                "web/package.json",
                r#"{"scripts": {"start": "node ."}, "main": "a.js", "dependencies": {"express": "file:vendor/express-4.tgz", "ours": "file:./lib/ours/", "x": "file:x.tgz", "y": "file:../y"}}"#,
            ),
            ("web/package-lock.json", ""),
            ("web/vendor/express-4.tgz", ""),
            ("web/vendor/accepts-1.tgz", ""),
            ("web/lib/ours/package.json", "{}"),
            ("web/x.tgz", ""),
            ("web/a.js", ""),
        ],
    ),
    (
        "node-install-scripts",
        "",
        &[
            (
                "package.json",
                r#"{"scripts": {"start": "node server.js", "prepare": "husky"}, "devDependencies": {"husky": "9"}}"#,
            ),
            ("package-lock.json", ""),
            ("server.js", ""),
        ],
    ),
    (
        "node-no-lock",
        "",
        &[
            ("package.json", r#"{"name": "shop"}"#),
            (".nvmrc", "v20.11.1\n"),
            ("index.js", ""),
        ],
    ),
    (
        "node-npm-build",
        "",
        &[
            (
                "package.json",
                r#"{"scripts": {"build": "tsc -p .", "start": "NODE_OPTIONS=--trace node dist/main.js"}}"#,
            ),
            ("package-lock.json", ""),
            ("src/main.ts", ""),
        ],
    ),
    (
        "node-next-pnpm",
        "",
        &[
            (
                "package.json",
                r#"{"scripts": {"build": "next build", "start": "next start"}, "dependencies": {"next": "14"}, "packageManager": "pnpm@9.1.0+sha256.aa"}"#,
            ),
            ("pnpm-lock.yaml", "lockfileVersion: '9.0'\n"),
            (".node-version", "22\n"),
        ],
    ),
    (
        "node-pnpm-old",
        "",
        &[
            ("package.json", NODE_SERVER),
            ("pnpm-lock.yaml", "lockfileVersion: '6.0'\n"),
            ("server.js", ""),
        ],
    ),
    (
        "node-yarn",
        "",
        &[
            (
                "package.json",
                r#"{"scripts": {"build": "tsc", "start": "node ."}, "engines": {"node": "18.x"}}"#,
            ),
            ("yarn.lock", ""),
        ],
    ),
    (
        "node-yarn-berry",
        "",
        &[
            (
                "package.json",
                r#"{"scripts": {"start": "node server.js"}, "packageManager": "yarn@4.1.0"}"#,
            ),
            ("yarn.lock", ""),
            (".yarnrc.yml", "nodeLinker: node-modules\n"),
            (".yarn/releases/yarn.cjs", ""),
        ],
    ),
    (
        "node-procfile",
        "",
        &[
            ("package.json", NODE_SERVER),
            (
                "Procfile",
                "web: node server.js --port $PORT\nworker: node worker.js\n",
            ),
            ("server.js", ""),
        ],
    ),
    (
        "node-workspaces",
        "",
        &[
            (
                "package.json",
                r#"{"workspaces": ["packages/*"], "scripts": {"start": "node packages/web/server.js"}}"#,
            ),
            ("package-lock.json", ""),
            ("packages/web/package.json", "{}"),
            ("packages/web/server.js", ""),
        ],
    ),
    (
        "site-vite",
        "",
        &[
            (
                "package.json",
                r#"{"scripts": {"dev": "vite", "build": "vite build"}, "devDependencies": {"vite": "5"}}"#,
            ),
            ("package-lock.json", ""),
            ("index.html", ""),
        ],
    ),
    (
        "site-react-scripts",
        "",
        &[
            (
                "package.json",
                r#"{"scripts": {"start": "react-scripts start", "build": "react-scripts build"}, "dependencies": {"react-scripts": "5"}}"#,
            ),
            ("public/index.html", ""),
            ("yarn.lock", ""),
        ],
    ),
    (
        "site-plain",
        "",
        &[("index.html", "<h1>Hello</h1>"), ("style.css", "")],
    ),
    (
        "site-public",
        "",
        &[
            ("public/index.html", ""),
            ("package.json", r#"{"devDependencies": {"prettier": "3"}}"#),
        ],
    ),
    (
        "python-flask",
        "",
        &[
            ("requirements.txt", "Flask==3.0.0\ngunicorn==21.2.0\n"),
            (".python-version", "3.11\n"),
            ("app.py", FLASK),
        ],
    ),
    (
        "python-flask-factory",
        "",
        &[
            ("requirements.txt", "flask\npsycopg2==2.9\n"),
            ("runtime.txt", "python-3.10.4\n"),
            (
                "shop/__init__.py",
                "from flask import Flask\n\ndef create_app(config=None):\n    app = Flask(__name__)\n    return app\n",
            ),
        ],
    ),
    (
        "python-fastapi",
        "",
        &[
            ("requirements.txt", "fastapi>=0.110\nuvicorn[standard]\n"),
            (
                "app/main.py",
                "from fastapi import FastAPI\n\napp: FastAPI = FastAPI(title=\"x\")\n",
            ),
            ("app/__init__.py", ""),
        ],
    ),
    (
        "python-django",
        "",
        &[
            ("requirements.txt", "Django~=5.0\ngunicorn\nmysqlclient\n"),
            ("manage.py", ""),
            ("shop/wsgi.py", "application = get_wsgi_application()\n"),
            ("shop/asgi.py", ""),
        ],
    ),
    (
        "python-django-static",
        "",
        &[
            ("requirements.txt", "Django~=5.0\nwhitenoise\n"),
            ("manage.py", ""),
            ("shop/wsgi.py", "application = get_wsgi_application()\n"),
            (
                "shop/settings/base.py",
                "INSTALLED_APPS = [\n    \"django.contrib.staticfiles\",\n]\n",
            ),
            (
                "shop/settings/production.py",
                "from .base import *\nSTATIC_ROOT = BASE_DIR / \"staticfiles\"\n",
            ),
        ],
    ),
    (
        "python-django-static-nowhere",
        "",
        &[
            ("requirements.txt", "Django~=5.0\n"),
            ("manage.py", ""),
            ("shop/wsgi.py", "application = get_wsgi_application()\n"),
            (
                "shop/settings.py",
                "INSTALLED_APPS = [\"django.contrib.staticfiles\"]\n# STATIC_ROOT = 'x'\n",
            ),
        ],
    ),
    (
        "python-pipenv",
        "",
        &[
            (
                "Pipfile",
                "[packages]\nflask = \"*\"\ngunicorn = \"*\"\npsycopg2 = \"*\"\n[requires]\npython_version = \"3.12\"\n",
            ),
            ("Pipfile.lock", "{}"),
            ("requirements.txt", "flask\n"),
            ("app.py", FLASK),
        ],
    ),
    (
        "python-uv",
        "",
        &[
            (
                "pyproject.toml",
                "[project]\nname = \"shop\"\nrequires-python = \">=3.11,<3.13\"\ndependencies = [\"flask>=3\", \"gunicorn\"]\n",
            ),
            ("uv.lock", ""),
            ("app.py", FLASK),
        ],
    ),
    (
        "python-uv-package",
        "",
        &[
            (
                "pyproject.toml",
                "[project]\nname = \"shop\"\ndependencies = [\"starlette\"]\n[build-system]\nrequires = [\"hatchling\"]\n",
            ),
            ("uv.lock", ""),
            (
                "shop/app.py",
                "from starlette.applications import Starlette\napp = Starlette()\n",
            ),
        ],
    ),
    (
        "python-poetry",
        "",
        &[
            (
                "pyproject.toml",
                "[tool.poetry]\nname = \"shop\"\n[tool.poetry.dependencies]\npython = \"^3.10\"\nfastapi = \"*\"\nuvicorn = \"*\"\n",
            ),
            ("poetry.lock", ""),
            ("main.py", "import fastapi\napi = fastapi.FastAPI()\n"),
        ],
    ),
    (
        "python-pyproject",
        "",
        &[
            (
                "pyproject.toml",
                "[project]\nname = \"shop\"\nversion = \"1\"\ndependencies = [\"flask\"]\n",
            ),
            ("wsgi.py", FLASK),
        ],
    ),
    (
        "python-script",
        "",
        &[("requirements.txt", ""), ("main.py", "import http.server\n")],
    ),
    (
        "python-procfile",
        "",
        &[
            ("requirements.txt", "gunicorn\n"),
            ("Procfile", "web: gunicorn shop:make()\n"),
        ],
    ),
    (
        "ruby-rails",
        "",
        &[
            ("Gemfile", "source \"https://rubygems.org\"\ngem \"rails\"\n"),
            ("Gemfile.lock", RAILS_LOCK),
            ("config/application.rb", ""),
            ("config.ru", ""),
            ("app/assets/config/manifest.js", ""),
        ],
    ),
    (
        "ruby-rails-node",
        "",
        &[
            ("Gemfile", "gem \"rails\"\n"),
            ("Gemfile.lock", RAILS_LOCK),
            ("config/application.rb", ""),
            ("config.ru", ""),
            ("app/javascript/application.js", ""),
            (
                "package.json",
                r#"{"scripts": {"build": "esbuild", "start": "x"}}"#,
            ),
            ("yarn.lock", ""),
        ],
    ),
    (
        "ruby-rack",
        "",
        &[
            ("Gemfile", "ruby \"3.3.1\"\ngem \"sinatra\"\ngem 'puma', '~> 6'\n"),
            ("config.ru", ""),
        ],
    ),
    (
        "ruby-vendored",
        "path: web",
        &[
            (
                "web/Gemfile",
                "source \"https://rubygems.org\"\ngem \"sinatra\"\n",
            ),
            (
                "web/Gemfile.lock",
                "GEM\n  specs:\n    puma (5.6.5)\n    sinatra (3.0.5)\n",
            ),
            ("web/vendor/cache/sinatra-3.0.5.gem", ""),
            ("web/config.ru", ""),
        ],
    ),
    (
        "ruby-own-gems",
        "",
        &[
            ("Gemfile", "gemspec\ngem \"shop\", path: \"gems/shop\"\n"),
            ("shop.gemspec", ""),
            ("gems/shop/shop.gemspec", ""),
            ("config.ru", ""),
        ],
    ),
    (
        "ruby-rackup",
        "",
        &[
            ("Gemfile", "gem \"rack\"\ngem \"rackup\"\ngem \"webrick\"\n"),
            (".ruby-version", "ruby-3.2.2\n"),
            ("config.ru", ""),
        ],
    ),
    (
        "rust",
        "",
        &[
            ("Cargo.toml", "[package]\nname = \"shop\"\n"),
            ("Cargo.lock", "version = 3\n"),
            ("src/main.rs", ""),
            ("rust-toolchain.toml", "[toolchain]\nchannel = \"1.80\"\n"),
        ],
    ),
    (
        "rust-vendored",
        "",
        &[
            ("Cargo.toml", "[package]\nname = \"shop\"\n"),
            ("Cargo.lock", "version = 3\n"),
            (".cargo/config.toml", ""),
            ("src/main.rs", ""),
            ("vendor/itoa/Cargo.toml", ""),
        ],
    ),
    (
        "rust-registry",
        "",
        &[
            ("Cargo.toml", "[package]\nname = \"shop\"\n"),
            ("Cargo.lock", "version = 3\n"),
            (".cargo/config.toml", ""),
            ("src/main.rs", ""),
        ],
    ),
    (
        "rust-openssl",
        "binary_name: shop-web",
        &[
            (
                "Cargo.toml",
                "[package]\nname = \"shop\"\n[dependencies]\nreqwest = \"0.12\"\n",
            ),
            ("Cargo.lock", "[[package]]\nname = \"openssl-sys\"\n"),
            ("src/bin/shop-web.rs", ""),
            ("src/bin/shop-admin.rs", ""),
            ("migrations/1.sql", ""),
        ],
    ),
    (
        "rust-workspace",
        "path: crates/web",
        &[
            ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]\n"),
            ("Cargo.lock", "version = 3\n"),
            ("crates/web/Cargo.toml", "[package]\nname = \"web\"\n"),
            ("crates/web/src/main.rs", ""),
            ("crates/web/static/a.css", ""),
        ],
    ),
    ("php-plain", "", &[("index.php", ""), (".php-version", "8.2\n")]),
    (
        "php-laravel",
        "",
        &[
            (
                "composer.json",
                r#"{"require": {"php": "^8.1", "laravel/framework": "^11", "ext-intl": "*"}}"#,
            ),
            ("composer.lock", ""),
            ("public/index.php", ""),
            ("package.json", r#"{"scripts": {"build": "vite build"}}"#),
        ],
    ),
    (
        "php-slim",
        "",
        &[
            (
                "composer.json",
                r#"{"require": {"php": "~8.1.0", "slim/slim": "^4"}}"#,
            ),
            ("public/index.php", ""),
        ],
    ),
    (
        "chosen-by-lang",
        "lang: python",
        &[
            ("requirements.txt", ""),
            ("main.py", ""),
            ("package.json", NODE_SERVER),
        ],
    ),
    (
        "python-on-an-image",
        "image: python:3.12-slim",
        &[
            ("requirements.txt", "Flask==3.0.0\ngunicorn==21.2.0\n"),
            (".python-version", "3.11\n"),
            ("app.py", FLASK),
        ],
    ),
    (
        "words-are-quoted",
        "",
        &[
            (
                "Cargo.toml",
                "[package]\nname = \"shop\"\n[[bin]]\nname = \"shop\"\npath = \"src/$(touch x)'.rs\"\n",
            ),
            ("Cargo.lock", "v"),
            ("package.json", "{}"),
        ],
    ),
];

/// Projects that are not.
pub(super) const REFUSED: &[(&str, &str, Files)] = &[
    ("nothing", "", &[("README.md", "")]),
    ("nothing in path", "path: web/app", &[("README.md", "")]),
    (
        "two languages",
        "",
        &[
            ("go.mod", GO_MOD),
            ("main.go", ""),
            ("Cargo.toml", "[package]\nname = \"x\"\n"),
        ],
    ),
    (
        "a server in each",
        "",
        &[
            ("requirements.txt", "flask\n"),
            ("app.py", FLASK),
            ("package.json", NODE_SERVER),
        ],
    ),
    ("lang that is not there", "lang: ruby", &[("go.mod", GO_MOD)]),
    ("no program", "", &[("go.mod", GO_MOD), ("lib/lib.go", "")]),
    (
        "several programs",
        "",
        &[("go.mod", GO_MOD), ("cmd/a/main.go", ""), ("cmd/b/main.go", "")],
    ),
    (
        "path without a program",
        "path: cmd/x",
        &[("go.mod", GO_MOD), ("main.go", "")],
    ),
    (
        "several programs in go.work",
        "",
        &[
            ("go.work", "use (\n./a\n./b\n)\n"),
            ("a/go.mod", GO_MOD),
            ("a/main.go", ""),
            ("b/go.mod", GO_MOD),
            ("b/main.go", ""),
        ],
    ),
    (
        "a path that is in no module of go.work",
        "path: c",
        &[("go.work", "use ./a\n"), ("a/go.mod", GO_MOD), ("a/main.go", "")],
    ),
    (
        "a Pipfile without a lock",
        "",
        &[("Pipfile", "[packages]\nflask = \"*\"\n"), ("app.py", FLASK)],
    ),
    (
        "a key of another language",
        "lang: node\ngo_version: 1.22",
        &[("package.json", NODE_SERVER)],
    ),
    ("another", "binary_name: shop", &[("package.json", NODE_SERVER)]),
    (
        "path that does nothing",
        "path: web",
        &[("package.json", NODE_SERVER), ("web/index.js", "")],
    ),
    ("no start", "", &[("package.json", r#"{"name": "x"}"#)]),
    ("package.json with a mistake", "", &[("package.json", "{,}")]),
    (
        "no app",
        "",
        &[("requirements.txt", "flask\n"), ("lib.py", FLASK)],
    ),
    (
        "pyproject.toml with a mistake",
        "",
        &[("pyproject.toml", "[project\n")],
    ),
    ("no config.ru", "", &[("Gemfile", "gem 'rack'\n")]),
    (
        "several programs of Rust",
        "",
        &[
            ("Cargo.toml", "[package]\nname = \"x\"\n"),
            ("src/bin/a.rs", ""),
            ("src/bin/b.rs", ""),
        ],
    ),
    (
        "a workspace",
        "",
        &[("Cargo.toml", "[workspace]\nmembers = []\n")],
    ),
    ("no index.php", "", &[("composer.json", "{}")]),
];
