//! What git says to its proc-receive hook: what was understood is what git would say so, and the answer is one that git
//! understands.

use gokku_server::worker::push::{Reported, listen, report};

/// Checks a conversation, whatever git has said in it.
pub fn check(data: &[u8]) {
    let mut answer = Vec::new();
    let wanted = match listen(&mut &data[..], &mut answer) {
        Ok(wanted) => wanted,
        Err(error) => return crate::assert_is_a_line(&error.to_string()),
    };
    let greeting = lines(&answer).expect("git understands the answer");
    assert!(matches!(&greeting[..], [Some(first), None] if first.starts_with(b"version=1")));

    // As git says it.
    let mut said = Vec::new();
    let with_options = greeting[0]
        .as_ref()
        .is_some_and(|first| first.ends_with(b"push-options"));
    line(
        &mut said,
        if with_options {
            b"version=1\0push-options".as_slice()
        } else {
            b"version=1"
        },
    );
    said.extend(b"0000");
    for update in &wanted.updates {
        line(&mut said, update.to_string().as_bytes());
    }
    said.extend(b"0000");
    if with_options {
        for option in &wanted.options {
            line(&mut said, option.as_bytes());
        }
        said.extend(b"0000");
    }
    let again = listen(&mut said.as_slice(), &mut Vec::new()).expect("what git says is understood");
    assert_eq!(again.updates, wanted.updates);
    // Bytes that are no UTF-8 grow as they are replaced, and a line has an end.
    assert_eq!(again.options.len(), wanted.options.len());

    let ends = [
        Reported::Moved,
        Reported::LeftToGit,
        Reported::Refused("a reason\nof two lines".to_owned()),
    ];
    let reports: Vec<_> = wanted.updates.iter().zip(ends.iter().cycle()).collect();
    let mut told = Vec::new();
    report(&mut told, reports.iter().copied()).expect("written");
    let told = lines(&told).expect("git understands the report");
    assert_eq!(told.last(), Some(&None));
    let names = told.iter().flatten().filter(|line| !line.starts_with(b"option "));
    assert_eq!(names.count(), reports.len());
}

fn line(text: &mut Vec<u8>, line: &[u8]) {
    let line = &line[..line.len().min(65_516)];
    text.extend(format!("{:04x}", line.len() + 4).bytes());
    text.extend(line);
}

/// Reads packet lines, each an end or a line; none where it is no such text.
fn lines(mut text: &[u8]) -> Option<Vec<Option<Vec<u8>>>> {
    let mut found = Vec::new();
    while !text.is_empty() {
        let length = std::str::from_utf8(text.get(..4)?).ok()?;
        let length = usize::from_str_radix(length, 16).ok()?;
        let end = length.max(4);
        found.push(
            (length > 0)
                .then(|| text.get(4..end).map(<[u8]>::to_vec))
                .flatten(),
        );
        text = text.get(end..)?;
    }
    Some(found)
}
