//! What runs inside the images the tests build: `/app COMMAND [ARGS]`, static, without dependencies.
//!
//! It is compiled by `support/program.rs`, not by cargo.

use std::env;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::exit;
use std::thread;
use std::time::Duration;

mod dns;
mod system;

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        // Both streams in turns, as many lines as wanted.
        ["both", lines] => {
            for number in 0..lines.parse().unwrap() {
                println!("out {number}");
                eprintln!("err {number}");
            }
        }
        ["count", lines] => (0..lines.parse().unwrap()).for_each(|number: u32| println!("line {number}")),
        ["say", text] => println!("{text}"),
        ["fail", code, text] => {
            eprintln!("{text}");
            exit(code.parse().unwrap());
        }
        ["exit", code] => exit(code.parse().unwrap()),
        // Runs for a moment, so that its start and its end are told apart.
        ["soon", code] => {
            thread::sleep(Duration::from_secs(1));
            exit(code.parse().unwrap());
        }
        // One line of so many bytes.
        ["long", bytes] => println!("{}", "x".repeat(bytes.parse().unwrap())),
        // The environment as the kernel has it, and one variable of it.
        ["environ"] => {
            io::stdout()
                .write_all(&fs::read("/proc/self/environ").unwrap())
                .unwrap();
        }
        ["env", name] => println!("{}", env::var(name).unwrap_or_else(|_| "-".to_owned())),
        // Every file below, with its size and mode.
        ["tree", folder] => tree(Path::new(folder)),
        // A file's text; and an end that is none.
        ["print", file] => print!("{}", fs::read_to_string(file).unwrap()),
        ["print-and-fail", file] => {
            print!("{}", fs::read_to_string(file).unwrap());
            exit(1);
        }
        // Echoes its input in capitals until that ends.
        ["upper"] => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).unwrap();
            print!("{}", text.to_uppercase());
            eprintln!("{} bytes", text.len());
        }
        // Answers each line of its input, `quit CODE` ends.
        ["echo"] => {
            for line in io::stdin().lines().map_while(Result::ok) {
                if let Some(code) = line.strip_prefix("quit ") {
                    exit(code.parse().unwrap());
                }
                println!("you said {line}");
            }
        }
        // Waits for a line, then tells its terminal's size; the terminal is there as soon as it says so.
        ["size"] => {
            println!("ready");
            io::stdin().lines().next();
            match system::terminal_size() {
                Some((rows, columns)) => println!("{rows} rows, {columns} columns"),
                None => println!("no terminal"),
            }
        }
        // Its output ends long before it does.
        ["silent-exit", code] => {
            system::close_output();
            thread::sleep(Duration::from_millis(700));
            exit(code.parse().unwrap());
        }
        // As process 1 it has no default action for SIGTERM: it ignores it.
        ["deaf", text] => {
            println!("{text}");
            forever();
        }
        // SIGTERM ends it well, after what it has at hand.
        ["polite", text] => {
            system::heed_sigterm();
            println!("{text}");
            while !system::sigterm_came() {
                thread::sleep(Duration::from_millis(5));
            }
            println!("finishing");
            thread::sleep(Duration::from_millis(1200));
            println!("finished");
        }
        // Says when SIGTERM comes, and goes on.
        ["chatty", text] => {
            system::heed_sigterm();
            println!("{text}");
            loop {
                if system::sigterm_came() {
                    println!("signalled");
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
        // Whether something listens there, by its name or address.
        ["reach", host, port] => {
            let Some(address) = host.parse().ok().or_else(|| dns::address(host)) else {
                println!("there is no {host}");
                exit(2);
            };
            let place = SocketAddr::new(address, port.parse().unwrap());
            if let Err(error) = TcpStream::connect_timeout(&place, Duration::from_secs(2)) {
                println!("{error}");
                exit(1);
            }
        }
        // Tries again and again, eight at a time, for a short moment each; how often something listened there.
        ["knock", host, port, tries] => {
            let place: SocketAddr = format!("{host}:{port}").parse().unwrap();
            let tries: usize = tries.parse().unwrap();
            let knock = || {
                let moment = Duration::from_millis(20);
                let opened = (0..tries / 8).filter(|_| TcpStream::connect_timeout(&place, moment).is_ok());
                opened.count()
            };
            let reached: usize = thread::scope(|all| {
                let knocking: Vec<_> = (0..8).map(|_| all.spawn(knock)).collect();
                knocking.into_iter().map(|one| one.join().unwrap()).sum()
            });
            println!("{reached}");
        }
        // Answers everything with its argument.
        ["serve", port, text] => {
            let listener = TcpListener::bind(("0.0.0.0", port.parse().unwrap())).unwrap();
            println!("serving");
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                let length = text.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}"
                );
            }
        }
        _ => {
            eprintln!("no such command: {words:?}");
            exit(64);
        }
    }
}

fn forever() -> ! {
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

fn tree(folder: &Path) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(Result::unwrap).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            println!("{}/", path.display());
            tree(&path);
        } else if kind.is_symlink() {
            println!(
                "{} -> {}",
                path.display(),
                fs::read_link(&path).unwrap().display()
            );
        } else {
            use std::os::unix::fs::PermissionsExt;
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            println!("{} {mode:o} {:?}", path.display(), head(&path));
        }
    }
}

/// The first bytes, which tell a test's files apart.
fn head(path: &Path) -> String {
    let mut bytes = Vec::new();
    fs::File::open(path)
        .unwrap()
        .take(16)
        .read_to_end(&mut bytes)
        .unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}
