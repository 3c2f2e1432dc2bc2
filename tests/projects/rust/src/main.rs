//! Answers with its version.

use tiny_http::{Header, Response, Server};

const VERSION: &str = "v1";

fn main() {
    let port = std::env::var("PORT").expect("PORT");
    let server = Server::http(format!("0.0.0.0:{port}")).expect("the port is free");
    for request in server.incoming_requests() {
        let answer = match request.url() {
            "/health" => Response::from_string("healthy"),
            "/version" => Response::from_string(VERSION),
            _ => Response::from_string("nothing here").with_status_code(404),
        };
        let header = Header::from_bytes("X-App-Version", VERSION).expect("a header");
        // Whoever has gone needs no answer.
        let _ = request.respond(answer.with_header(header));
    }
}
