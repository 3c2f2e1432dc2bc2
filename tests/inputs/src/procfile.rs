//! What a `Procfile` says can be run as it is, or is refused with a place that is in the file.

use gokku_core::config::gokku_yml::AppConfig;
use gokku_core::config::processes::{Processes, Scale};
use gokku_core::config::procfile::{Command, Procfile};

/// Checks a file.
pub fn check(data: &[u8]) {
    let Some(text) = crate::text_of(data) else { return };
    let procfile = match Procfile::parse("Procfile", text) {
        Ok(procfile) => procfile,
        Err(errors) => {
            assert!(!errors.0.is_empty());
            for error in &errors.0 {
                crate::assert_is_in(text, error.line, error.column);
                crate::assert_is_a_line(&error.to_string());
            }
            assert!(errors.0.is_sorted_by_key(|error| error.line), "{errors}");
            return;
        }
    };
    for command in procfile.processes.values().chain(&procfile.release) {
        can_be_run(command);
    }
    let types = procfile.processes.len();
    let processes = Processes::of(procfile, &AppConfig::default()).expect("each has its command");
    let keys = processes.keys(&Scale::new()).expect("web, at least");
    assert!(keys.iter().any(gokku_core::ProcessKey::is_first_web));
    assert!((types..=types + 1).contains(&keys.len()), "one of each, and web");
}

pub(crate) fn can_be_run(command: &Command) {
    let [program, arguments @ ..] = command.words() else {
        panic!("{command:?} is nothing");
    };
    assert!(!program.is_empty(), "{command:?}");
    let nul = |word: &String| word.contains('\0');
    assert!(!arguments.iter().any(nul), "{command:?}");
    assert_eq!(command.text().parse().as_ref(), Ok(command), "it is what it says");
    if let [option, script] = arguments
        && program == "/bin/sh"
        && option == "-c"
        && !command.text().starts_with("/bin/sh")
    {
        let without_exec = |at: usize| {
            script
                .get(..at)
                .zip(script.get(at + 5..))
                .map(|(a, b)| [a, b].concat())
        };
        let is_it = |(at, _)| without_exec(at).as_deref() == Some(command.text());
        assert!(
            script == command.text() || script.match_indices("exec ").any(is_it),
            "{command:?}"
        );
    }
}
