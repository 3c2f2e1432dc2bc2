//! Python: a virtual environment made by pip, uv, Poetry or Pipenv, and the WSGI or ASGI app found in it.

use super::dockerfile::{Dockerfile, exec, shell};
use super::version::{self, Said, Version};
use super::{Folder, Lang, Made, Outcome, incomplete, tools};

enum Tool {
    Requirements,
    Project,
    Uv,
    Poetry,
    Pipenv,
    /// No dependencies at all.
    None,
}

/// Libraries that packages need when they run, and small images lack: the package, as it is called in lists of
/// dependencies, and Debian's.
const LIBRARIES: [(&str, &str); 4] = [
    ("psycopg2", "libpq5"),
    ("psycopg", "libpq5"),
    ("mysqlclient", "libmariadb3"),
    ("python-magic", "libmagic1"),
];

pub(super) fn is(folder: Folder<'_>) -> bool {
    ["requirements.txt", "manage.py", "uv.lock", "Pipfile"]
        .iter()
        .any(|name| folder.has(name))
        || is_project(folder)
}

fn pyproject(folder: Folder<'_>) -> Option<toml::Table> {
    folder.text("pyproject.toml").parse().ok()
}

/// Whether `pyproject.toml` is a project's, and not only a formatter's settings. One that cannot be read counts, so
/// that its mistake is told.
fn is_project(folder: Folder<'_>) -> bool {
    folder.has("pyproject.toml")
        && pyproject(folder).is_none_or(|table| {
            table.contains_key("project")
                || table.get("tool").is_some_and(|tool| tool.get("poetry").is_some())
        })
}

pub(super) fn make(folder: Folder<'_>) -> Outcome {
    let pyproject = folder.toml("pyproject.toml", Lang::Python)?;
    let pipfile = folder.toml("Pipfile", Lang::Python)?;
    let poetry = pyproject.get("tool").and_then(|tool| tool.get("poetry"));
    let version = version::python(folder, pinned(folder, &pipfile), requires(folder, &pyproject))?;
    let tool = if folder.has("uv.lock") {
        Tool::Uv
    } else if folder.has("poetry.lock") || poetry.is_some_and(|poetry| poetry.get("dependencies").is_some()) {
        Tool::Poetry
    } else if folder.has("Pipfile.lock") && folder.has("Pipfile") {
        Tool::Pipenv
    } else if folder.has("requirements.txt") {
        Tool::Requirements
    } else if is_project(folder) {
        Tool::Project
    } else if folder.has("Pipfile") {
        return incomplete(
            Lang::Python,
            "there is a Pipfile without a Pipfile.lock: make it with `pipenv lock`, and commit it",
        );
    } else {
        Tool::None
    };
    let depends = |name: &str| {
        mentions(folder.text("requirements.txt"), name)
            || names(&pyproject, &pipfile).iter().any(|one| mentions(one, name))
    };
    let start = match start(folder, &depends) {
        Ok(start) => start,
        Err(what) => return incomplete(Lang::Python, what),
    };
    let packaged = pyproject.contains_key("build-system");
    let mut file = Dockerfile::default();
    let asks = |tool: &str, key: &str| pyproject.get("tool")?.get(tool)?.get(key)?.as_str();
    let asked = match tool {
        Tool::Uv => asks("uv", "required-version"),
        Tool::Poetry => asks("poetry", "requires-poetry"),
        _ => None,
    };
    build(&mut file, folder, &version, &tool, (packaged, asked));
    if let Some(server) = start.added {
        file.run(
            &["/root/.cache/pip"],
            format!(
                "/venv/bin/python -m pip install {}",
                tools::pip(folder, server, None, &version.number)
            ),
        );
    }
    finish(&mut file, folder, &version, &start.command, &depends);
    let with = match tool {
        Tool::Uv => "uv, ",
        Tool::Poetry => "Poetry, ",
        Tool::Pipenv => "Pipenv, ",
        Tool::Requirements | Tool::Project | Tool::None => "",
    };
    Ok(Made {
        version: Some(version),
        runs: format!("{with}{}", start.told),
        dockerfile: file,
    })
}

/// What a Pipfile requires of Python.
fn pinned(folder: Folder<'_>, pipfile: &toml::Table) -> Option<Said> {
    let requires = pipfile.get("requires")?;
    ["python_full_version", "python_version"]
        .iter()
        .find_map(|key| Said::toml(folder, "Pipfile", requires.get(key), &["[requires]", key]))
}

/// What `pyproject.toml` requires of it.
fn requires(folder: Folder<'_>, pyproject: &toml::Table) -> Option<Said> {
    let file = "pyproject.toml";
    let project = pyproject
        .get("project")
        .and_then(|project| project.get("requires-python"));
    let poetry = || {
        let python = pyproject
            .get("tool")?
            .get("poetry")?
            .get("dependencies")?
            .get("python")?;
        let python = python.get("version").unwrap_or(python);
        Said::toml(
            folder,
            file,
            Some(python),
            &["[tool.poetry.dependencies]", "\npython"],
        )
    };
    Said::toml(folder, file, project, &["requires-python"]).or_else(poetry)
}

fn build(
    file: &mut Dockerfile,
    folder: Folder<'_>,
    version: &Version,
    tool: &Tool,
    (packaged, asked): (bool, Option<&str>),
) {
    let pinned = |tool: &str| tools::pip(folder, tool, asked, &version.number);
    file.line(format!("FROM python:{}-bookworm AS build", version.number));
    file.line("WORKDIR /app");
    file.line("ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore");
    file.line("RUN python3 -m venv /venv");
    let pip = ["/root/.cache/pip"];
    match tool {
        Tool::Requirements => {
            // Files that requirements.txt names are beside it.
            let beside = folder.files().filter(|path| {
                let name = path.strip_suffix(".txt").unwrap_or("/");
                !name.contains('/') && (name.starts_with("requirements") || name.starts_with("constraints"))
            });
            let names: Vec<&str> = beside.collect();
            folder.copy_files(file, &names, "./");
            folder.copy_folder(file, "requirements");
            file.run(&pip, "/venv/bin/python -m pip install -r requirements.txt");
        }
        Tool::Project => {
            // pip has no way to install a project's dependencies without the project.
            file.copy("", &[folder.source()], "./");
            file.run(&pip, "/venv/bin/python -m pip install .");
        }
        Tool::Uv => {
            file.line("ENV UV_PROJECT_ENVIRONMENT=/venv UV_LINK_MODE=copy UV_PYTHON=python3 UV_PYTHON_DOWNLOADS=never");
            file.run(&pip, format!("python3 -m pip install {}", pinned("uv")));
            folder.copy_files(file, &["pyproject.toml", "uv.lock"], "./");
            // It makes an environment without pip, which a server that is added needs.
            file.run(
                &["/root/.cache/uv"],
                "uv sync --locked --no-dev --no-install-project --inexact",
            );
            if packaged {
                file.copy("", &[folder.source()], "./");
                file.run(
                    &["/root/.cache/uv"],
                    "uv sync --locked --no-dev --no-editable --inexact",
                );
            }
        }
        Tool::Poetry => {
            file.line("ENV VIRTUAL_ENV=/venv PATH=/venv/bin:$PATH POETRY_NO_INTERACTION=1");
            file.run(
                &pip,
                format!("/usr/local/bin/python3 -m pip install {}", pinned("poetry")),
            );
            folder.copy_files(file, &["pyproject.toml", "poetry.lock", "poetry.toml"], "./");
            file.run(
                &["/root/.cache/pypoetry"],
                "/usr/local/bin/python3 -m poetry install --only main --no-root",
            );
        }
        Tool::Pipenv => {
            // It installs into the environment that it finds itself in.
            file.line("ENV VIRTUAL_ENV=/venv PATH=/venv/bin:$PATH PIPENV_VERBOSITY=-1");
            file.run(
                &pip,
                format!("/usr/local/bin/python3 -m pip install {}", pinned("pipenv")),
            );
            folder.copy_files(file, &["Pipfile", "Pipfile.lock"], "./");
            file.run(
                &["/root/.cache/pip", "/root/.cache/pipenv"],
                "/usr/local/bin/python3 -m pipenv install --deploy",
            );
        }
        Tool::None => {}
    }
}

fn finish(
    file: &mut Dockerfile,
    folder: Folder<'_>,
    version: &Version,
    command: &str,
    depends: &dyn Fn(&str) -> bool,
) {
    file.line("");
    file.line(format!("FROM python:{}-slim-bookworm", version.number));
    file.install_for(&LIBRARIES, depends);
    file.line("ENV HOME=/app PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1");
    file.line("COPY --from=build /venv/ /venv/");
    file.own("", &folder.source(), "1000:1000");
    if collects_static(folder) {
        // As who runs it later: settings may make files of their own when they are read. They may also ask for secrets;
        // what these are does not matter to static files, and they stay out of the image.
        file.line("USER 1000:1000");
        file.run(
            &[],
            "SECRET_KEY=for-the-build-only DJANGO_SECRET_KEY=for-the-build-only DATABASE_URL=sqlite://:memory: \\\n    python manage.py collectstatic --noinput",
        );
    }
    file.end("1000:1000", command);
}

/// Whether Django's static files are to be put in one folder: its settings have the app for it and say where.
fn collects_static(folder: Folder<'_>) -> bool {
    // `shop/settings.py`, or `shop/settings/base.py` and others.
    let of_settings = |path: &&str| {
        let below = path.split_once('/').map_or("", |(_, below)| below);
        below == "settings.py"
            || below
                .strip_prefix("settings/")
                .is_some_and(|name| !name.contains('/'))
    };
    let lines = || {
        folder
            .files()
            .filter(of_settings)
            .flat_map(|path| folder.text(path).lines())
            .map(str::trim_start)
            .filter(|line| !line.starts_with('#'))
    };
    let assigns = |line: &str| {
        line.strip_prefix("STATIC_ROOT")
            .is_some_and(|rest| rest.trim_start().starts_with([':', '=']))
    };
    folder.has("manage.py")
        && lines().any(|line| line.contains("django.contrib.staticfiles"))
        && lines().any(assigns)
}

/// Whether a list of dependencies, one a line, has a package.
fn mentions(list: &str, package: &str) -> bool {
    list.lines().any(|line| {
        let end = line.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c));
        let name = line.get(..end.unwrap_or(line.len())).unwrap_or("");
        name.replace(['_', '.'], "-").eq_ignore_ascii_case(package)
    })
}

/// The dependencies that `pyproject.toml` and the Pipfile name.
fn names(pyproject: &toml::Table, pipfile: &toml::Table) -> Vec<String> {
    let listed = pyproject
        .get("project")
        .and_then(|project| project.get("dependencies")?.as_array())
        .into_iter()
        .flatten()
        .filter_map(|one| one.as_str().map(str::to_owned));
    let poetry = pyproject
        .get("tool")
        .and_then(|tool| tool.get("poetry")?.get("dependencies")?.as_table())
        .into_iter()
        .chain(pipfile.get("packages").and_then(toml::Value::as_table))
        .flat_map(|table| table.keys().cloned());
    listed.chain(poetry).collect()
}

struct Start {
    command: String,
    told: String,
    /// The server that the project's dependencies lack.
    added: Option<&'static str>,
}

/// An app in a module.
struct Found {
    /// `package.module:name`, of letters that need no quoting, `()` of a factory apart.
    at: String,
    factory: bool,
    asgi: bool,
}

fn start(folder: Folder<'_>, depends: &dyn Fn(&str) -> bool) -> Result<Start, String> {
    if let Some((command, told)) = folder.web() {
        return Ok(Start {
            command,
            told,
            added: None,
        });
    }
    if let Some(found) = django(folder, depends).or_else(|| search(folder)) {
        return Ok(serve(&found, depends));
    }
    let script = ["main.py", "app.py", "server.py", "run.py"]
        .into_iter()
        .find(|name| folder.has(name));
    match script {
        Some(script) => Ok(Start {
            command: exec(&["python", script]),
            told: format!("python {script}"),
            added: None,
        }),
        None => Err(
            "no WSGI or ASGI app was found (app.py, main.py, wsgi.py, asgi.py and so on, here or one folder down), and no main.py: add `web:` to a Procfile, `web: gunicorn shop.web:app`, or a Dockerfile".to_owned(),
        ),
    }
}

fn serve(found: &Found, depends: &dyn Fn(&str) -> bool) -> Start {
    let Found { at, factory, asgi } = found;
    let server = if *asgi { "uvicorn" } else { "gunicorn" };
    let command = match (asgi, factory) {
        (true, false) => format!("exec uvicorn --host 0.0.0.0 --port \"$PORT\" {at}"),
        (true, true) => format!("exec uvicorn --host 0.0.0.0 --port \"$PORT\" --factory {at}"),
        (false, false) => format!("exec gunicorn --bind \"0.0.0.0:$PORT\" {at}"),
        (false, true) => format!("exec gunicorn --bind \"0.0.0.0:$PORT\" '{at}()'"),
    };
    let added = (!depends(server)).then_some(server);
    let adds = if added.is_some() {
        " (added: it is not in the dependencies)"
    } else {
        ""
    };
    Start {
        command: shell(&command),
        told: format!("{server} {at}{}{adds}", if *factory { "()" } else { "" }),
        added,
    }
}

/// Django's own file, beside its settings.
fn django(folder: Folder<'_>, depends: &dyn Fn(&str) -> bool) -> Option<Found> {
    if !folder.has("manage.py") {
        return None;
    }
    let beside = |name: &'static str| {
        folder.files().find_map(move |path| {
            let (package, file) = path.split_once('/')?;
            (file == name && is_identifier(package)).then(|| package.to_owned())
        })
    };
    let asgi = (depends("uvicorn") || depends("channels")) && !depends("gunicorn");
    let (package, module) = match beside("asgi.py").filter(|_| asgi) {
        Some(package) => (package, "asgi"),
        None => (beside("wsgi.py")?, "wsgi"),
    };
    Some(Found {
        at: format!("{package}.{module}:application"),
        factory: false,
        asgi: module == "asgi",
    })
}

const MODULES: [&str; 7] = ["app", "main", "wsgi", "asgi", "server", "application", "run"];

/// What makes an app, and whether it is ASGI.
const CALLS: [(&str, bool); 12] = [
    ("Flask", false),
    ("Bottle", false),
    ("bottle.default_app", false),
    ("falcon.App", false),
    ("get_wsgi_application", false),
    ("flask.Flask", false),
    ("FastAPI", true),
    ("fastapi.FastAPI", true),
    ("Starlette", true),
    ("Quart", true),
    ("Litestar", true),
    ("get_asgi_application", true),
];

fn search(folder: Folder<'_>) -> Option<Found> {
    let at_top = MODULES
        .iter()
        .map(|module| ((*module).to_owned(), format!("{module}.py")));
    let packages = folder.files().filter_map(|path| {
        let (package, file) = path.split_once('/')?;
        let module = file.strip_suffix(".py")?;
        let known = module == "__init__" || MODULES.contains(&module);
        let name = if module == "__init__" {
            package.to_owned()
        } else {
            format!("{package}.{module}")
        };
        (known && is_identifier(package) && !package.contains("test")).then(|| (name, path.to_owned()))
    });
    at_top
        .chain(packages)
        .find_map(|(module, path)| app_in(&module, folder.text(&path)))
}

/// The app that a module's text makes: at its top, or in a factory.
fn app_in(module: &str, text: &str) -> Option<Found> {
    let calls = |line: &str| {
        CALLS.iter().find_map(|(call, asgi)| {
            let at = line.find(&format!("{call}("))?;
            let before = line.get(..at)?.chars().next_back();
            before
                .is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '.')
                .then_some(*asgi)
        })
    };
    let top = text.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        let name = name.split(':').next()?.trim_end();
        let asgi = calls(value)?;
        is_identifier(name).then(|| (name.to_owned(), asgi))
    });
    if let Some((name, asgi)) = top {
        return Some(Found {
            at: format!("{module}:{name}"),
            factory: false,
            asgi,
        });
    }
    let factory = text.lines().find_map(|line| {
        let rest = line.strip_prefix("def ")?;
        let name = rest.split('(').next()?;
        ["create_app", "make_app"]
            .into_iter()
            .find(|known| *known == name)
    })?;
    let asgi = text.lines().find_map(calls)?;
    Some(Found {
        at: format!("{module}:{factory}"),
        factory: true,
        asgi,
    })
}

fn is_identifier(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
