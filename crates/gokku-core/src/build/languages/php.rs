//! PHP under Apache, with Composer's packages.

use super::dockerfile::{Dockerfile, exec};
use super::version::{self, Said};
use super::{Folder, Lang, Made, Outcome, incomplete, tools};

/// An extension's name, the packages it is built with, and those it runs with.
type Extension = (&'static str, &'static str, &'static str);

/// Extensions that a project may ask for as `ext-…` and the base image lacks: with the libraries they are built
/// with, and those they run with. All others are in PHP itself, or not ours to build.
const EXTENSIONS: [Extension; 14] = [
    ("bcmath", "", ""),
    ("calendar", "", ""),
    ("exif", "", ""),
    (
        "gd",
        "libpng-dev libjpeg62-turbo-dev",
        "libpng16-16 libjpeg62-turbo",
    ),
    ("gettext", "", ""),
    ("gmp", "libgmp-dev", "libgmp10"),
    ("intl", "libicu-dev", "libicu72"),
    ("mysqli", "", ""),
    ("pcntl", "", ""),
    ("pdo_mysql", "", ""),
    ("pdo_pgsql", "libpq-dev", "libpq5"),
    ("pgsql", "libpq-dev", "libpq5"),
    ("sockets", "", ""),
    ("zip", "libzip-dev", "libzip4"),
];

/// What Laravel and Symfony use, whether they say it or not.
const OF_FRAMEWORKS: [&str; 3] = ["pdo_mysql", "pdo_pgsql", "bcmath"];

pub(super) fn is(folder: Folder<'_>) -> bool {
    ["composer.json", "index.php", "public/index.php"]
        .iter()
        .any(|name| folder.has(name))
}

pub(super) fn make(folder: Folder<'_>) -> Outcome {
    let text = folder.text("composer.json");
    let composer: serde_json::Value = if text.is_empty() {
        serde_json::Value::Null
    } else {
        match serde_json::from_str(text) {
            Ok(value) => value,
            Err(error) => return incomplete(Lang::Php, format!("its composer.json cannot be read: {error}")),
        }
    };
    let root = if folder.has("public/index.php") {
        "/app/public"
    } else if folder.has("index.php") {
        "/app"
    } else {
        return incomplete(
            Lang::Php,
            "there is no public/index.php and no index.php: add one, or a Dockerfile",
        );
    };
    let requires = composer.get("require").and_then(serde_json::Value::as_object);
    let needs = |name: &str| requires.is_some_and(|requires| requires.contains_key(name));
    let php = requires.and_then(|requires| requires.get("php"));
    let php = Said::json(folder, "composer.json", php, &["\"require\"", "\"php\""]);
    let version = version::php(folder, php)?;
    let laravel = needs("laravel/framework");
    let framework = laravel || needs("symfony/framework-bundle");
    let wanted: Vec<_> = EXTENSIONS
        .iter()
        .filter(|(name, ..)| needs(&format!("ext-{name}")) || framework && OF_FRAMEWORKS.contains(name))
        .collect();
    let has_composer = folder.has("composer.json");
    let mut file = Dockerfile::default();
    if has_composer {
        file.line(format!("FROM composer:{} AS build", tools::version("composer")));
        file.line("WORKDIR /app");
        file.line("ENV COMPOSER_ALLOW_SUPERUSER=1 COMPOSER_CACHE_DIR=/tmp/composer");
        folder.copy_files(&mut file, &["composer.json", "composer.lock"], "./");
        // Extensions are the next stage's.
        file.run(
            &["/tmp/composer"],
            "composer install --no-dev --no-scripts --no-autoloader --ignore-platform-reqs --prefer-dist --no-interaction",
        );
        file.copy("", &[folder.source()], "./");
        file.run(
            &[],
            "composer dump-autoload --no-dev --no-scripts --optimize --ignore-platform-reqs",
        );
        file.line("");
    }
    file.line(format!("FROM php:{}-apache-bookworm", version.number));
    file.run(&[], prepare(&wanted));
    // Apache itself puts PORT in.
    file.run(
        &[],
        format!(
            "sed -i 's/^Listen 80$/Listen ${{PORT}}/' /etc/apache2/ports.conf \\\n    && sed -i -e 's/:80>/:${{PORT}}>/' -e 's#/var/www/html#{root}#' /etc/apache2/sites-available/000-default.conf \\\n    && printf '%s\\n' '<Directory {root}>' 'AllowOverride All' 'Require all granted' '</Directory>' > /etc/apache2/conf-enabled/app.conf \\\n    && a2enmod rewrite && cp \"$PHP_INI_DIR/php.ini-production\" \"$PHP_INI_DIR/php.ini\""
        ),
    );
    if has_composer {
        file.own("--from=build", "/app/", "www-data:www-data");
    } else {
        file.own("", &folder.source(), "www-data:www-data");
    }
    file.end("www-data", &exec(&["apache2-foreground"]));
    let kind = if laravel { "Laravel under Apache" } else { "Apache" };
    Ok(Made {
        version: Some(version),
        runs: format!("{kind} in {root}"),
        dockerfile: file,
    })
}

/// Builds the extensions, and takes the compiler that the base image has away.
fn prepare(wanted: &[&Extension]) -> String {
    let words = |pick: fn(&Extension) -> &'static str| {
        let mut words: Vec<&str> = wanted
            .iter()
            .flat_map(|one| pick(one).split_whitespace())
            .collect();
        words.sort_unstable();
        words.dedup();
        words.join(" ")
    };
    let (names, headers, libraries) = (words(|one| one.0), words(|one| one.1), words(|one| one.2));
    let mut steps = Vec::new();
    if !headers.is_empty() {
        steps.push(format!(
            "apt-get update && apt-get install -y --no-install-recommends {libraries} {headers}"
        ));
    }
    if !names.is_empty() {
        steps.push(format!("docker-php-ext-install -j\"$(nproc)\" {names}"));
    }
    let purged = if headers.is_empty() {
        String::new()
    } else {
        format!(" {headers}")
    };
    steps.push(format!("apt-get purge -y --auto-remove $PHPIZE_DEPS{purged}"));
    steps.push("rm -rf /var/lib/apt/lists/*".to_owned());
    steps.join(" \\\n    && ")
}
