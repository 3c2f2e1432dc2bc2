//! The little Markdown that is written by a program: tables, and templates that they are put into.

/// A table; a `|` in a cell is escaped, an empty table is nothing.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = line(&head.map(str::to_owned));
    text.push_str(&"|---".repeat(N));
    text.push_str("|\n");
    for row in rows {
        text.push_str(&line(row));
    }
    text
}

/// As code; `-` stands for nothing and stays.
pub(super) fn code(text: &str) -> String {
    if text == "-" {
        text.to_owned()
    } else {
        format!("`{text}`")
    }
}

/// A template in which each line `<!-- name -->` is replaced by what the name stands for.
pub(super) fn fill(template: &str, parts: &[(&str, String)]) -> Result<String, String> {
    let mut text = template.to_owned();
    for (name, part) in parts {
        let mark = format!("<!-- {name} -->\n");
        if text.matches(&mark).count() != 1 {
            return Err(format!("the template must have one line {}", mark.trim()));
        }
        text = text.replace(&mark, part);
    }
    match text.lines().find(|line| line.starts_with("<!-- ")) {
        Some(line) => Err(format!("nothing is known to be put at {line}")),
        None => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_in_a_cell_is_escaped() {
        let text = table(["a", "b"], &[["x|y".to_owned(), code("z")]]);
        assert_eq!(text, "| a | b |\n|---|---|\n| x\\|y | `z` |\n");
    }

    #[test]
    fn a_template_has_exactly_the_marks_that_are_filled() {
        let parts = [("one", "1\n".to_owned())];
        assert_eq!(fill("a\n<!-- one -->\nb\n", &parts).unwrap(), "a\n1\nb\n");
        assert!(fill("a\n", &parts).is_err());
        assert!(fill("<!-- one -->\n<!-- two -->\n", &parts).is_err());
    }
}
