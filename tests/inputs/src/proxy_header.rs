//! The PROXY protocol: nothing behind a header is read, and what is read is written so that it is read again.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};

use gokku_core::config::tcp_port::ProxyProtocol;
use gokku_core::text::causes::causes;
use gokku_proxy::proxy_header::{Endpoints, header, read};
use tokio::runtime::Builder;

use crate::assert_is_a_line;

/// The longest header that is read, of version 2.
const LONGEST: usize = 16 + 2048;

/// Checks a connection that begins so.
pub fn check(data: &[u8]) {
    let (said, read) = read_from(data);
    assert!(read <= LONGEST, "{read} bytes of a header");
    match said {
        Ok(endpoints) => {
            // Nothing behind it makes a difference, and nothing less of it is enough.
            assert_eq!(read_from(&data[..read]), (Ok(endpoints), read));
            let less = read_from(&data[..read - 1]).0;
            assert!(less.is_err(), "a header that is cut off");
            if let Some(endpoints) = endpoints {
                is_written(endpoints);
            }
            let is_text = data.starts_with(b"PROXY ");
            assert!(
                !is_text || data[..read].ends_with(b"\r\n"),
                "a line without an end"
            );
        }
        Err(words) => assert_is_a_line(&words),
    }
}

/// What is read of some bytes, and of how many.
fn read_from(data: &[u8]) -> (Result<Option<Endpoints>, String>, usize) {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let mut rest = data;
    let said = runtime.block_on(read(&mut rest));
    let said = said.map_err(|error| {
        let kind = error.kind();
        assert!(
            matches!(kind, ErrorKind::InvalidData | ErrorKind::UnexpectedEof),
            "{error:?}"
        );
        causes(&error)
    });
    (said, data.len() - rest.len())
}

/// Both versions say the same of it.
fn is_written(endpoints: Endpoints) {
    for version in [ProxyProtocol::V1, ProxyProtocol::V2] {
        let (again, _) = read_from(&header(version, Some(endpoints)));
        let again = again.expect("what was written").expect("endpoints");
        for (one, other) in [
            (again.source, endpoints.source),
            (again.destination, endpoints.destination),
        ] {
            assert_eq!(plain(one), plain(other));
        }
    }
}

/// An address of version 4 is the same in version 6's form.
fn plain(address: SocketAddr) -> (IpAddr, u16) {
    (address.ip().to_canonical(), address.port())
}
