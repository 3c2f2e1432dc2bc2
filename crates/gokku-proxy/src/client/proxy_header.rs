//! The PROXY protocol, versions 1 and 2: who passes connections on as they are says first whose each is: a load balancer in front
//! to the switch, and the switch to an app. See <https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt>.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use gokku_core::config::tcp_port::ProxyProtocol;
use ppp::{HeaderResult, PartialResult, v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt};

/// What version 2 begins with, and as many bytes as every header has.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// How long the head of version 2 is, in which the length of the rest stands.
const HEAD: usize = 16;
/// The longest header of version 1, with its end.
const LONGEST_LINE: usize = 107;
/// The longest rest of version 2 that is read: addresses, and what some load balancers say besides.
const LONGEST_REST: usize = 2048;

/// Who has connected, and to where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// The client.
    pub source: SocketAddr,
    /// Where it has connected to.
    pub destination: SocketAddr,
}

impl Endpoints {
    fn new(source: (impl Into<IpAddr>, u16), destination: (impl Into<IpAddr>, u16)) -> Self {
        Self {
            source: SocketAddr::new(source.0.into(), source.1),
            destination: SocketAddr::new(destination.0.into(), destination.1),
        }
    }
}

/// Returns the header by which an app is told whose a connection is; without endpoints, that it is the switch's own, to see whether the
/// app lives.
pub fn header(version: ProxyProtocol, of: Option<Endpoints>) -> Vec<u8> {
    match version {
        ProxyProtocol::V1 => line(of).into_bytes(),
        ProxyProtocol::V2 => binary(of),
    }
}

fn line(of: Option<Endpoints>) -> String {
    let Some(Endpoints { source, destination }) = of else {
        return "PROXY UNKNOWN\r\n".to_owned();
    };
    let (family, source_address, destination_address) = match same_family(source.ip(), destination.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            ("TCP4", source.to_string(), destination.to_string())
        }
        (source, destination) => ("TCP6", source.to_string(), destination.to_string()),
    };
    let (from, to) = (source.port(), destination.port());
    format!("PROXY {family} {source_address} {destination_address} {from} {to}\r\n")
}

fn binary(of: Option<Endpoints>) -> Vec<u8> {
    const LOCAL: u8 = 0x20;
    const PROXY: u8 = 0x21;
    const UNSPECIFIED: u8 = 0x00;
    const TCP_V4: u8 = 0x11;
    const TCP_V6: u8 = 0x21;
    let (command, family, rest) = match of {
        None => (LOCAL, UNSPECIFIED, Vec::new()),
        Some(Endpoints { source, destination }) => {
            let (family, mut rest) = match same_family(source.ip(), destination.ip()) {
                (IpAddr::V4(source), IpAddr::V4(destination)) => {
                    (TCP_V4, [source.octets(), destination.octets()].concat())
                }
                (source, destination) => (
                    TCP_V6,
                    [to_v6(source).octets(), to_v6(destination).octets()].concat(),
                ),
            };
            rest.extend(source.port().to_be_bytes());
            rest.extend(destination.port().to_be_bytes());
            (PROXY, family, rest)
        }
    };
    // Two addresses and ports at most.
    let length = u8::try_from(rest.len()).unwrap_or(u8::MAX);
    [&SIGNATURE[..], &[command, family, 0, length], &rest].concat()
}

/// Returns both as IPv4 where both are, and else as IPv6. A client of IPv4 comes as IPv6 to a port that is open for both.
fn same_family(one: IpAddr, other: IpAddr) -> (IpAddr, IpAddr) {
    match (one.to_canonical(), other.to_canonical()) {
        (one @ IpAddr::V4(_), other @ IpAddr::V4(_)) => (one, other),
        (one, other) => (to_v6(one).into(), to_v6(other).into()),
    }
}

fn to_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// Reads the header with which a connection begins, and nothing behind it. Returns whose connection it is; none where the load balancer
/// says that it is its own (to check whether this one lives), or does not know.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Endpoints>> {
    let mut header = vec![0; SIGNATURE.len()];
    stream.read_exact(&mut header).await?;
    if header == SIGNATURE {
        read_rest(stream, &mut header).await?;
    } else if header.starts_with(b"PROXY ") {
        read_line(stream, &mut header).await?;
    } else {
        return Err(refused("it does not begin with the PROXY protocol"));
    }
    let parsed = HeaderResult::parse(&header);
    if !parsed.is_complete() {
        return Err(refused("its PROXY header is not complete"));
    }
    match parsed {
        HeaderResult::V1(Ok(header)) => Ok(match header.addresses {
            v1::Addresses::Unknown => None,
            v1::Addresses::Tcp4(of) => Some(Endpoints::new(
                (of.source_address, of.source_port),
                (of.destination_address, of.destination_port),
            )),
            v1::Addresses::Tcp6(of) => Some(Endpoints::new(
                (of.source_address, of.source_port),
                (of.destination_address, of.destination_port),
            )),
        }),
        HeaderResult::V2(Ok(header)) if header.command == v2::Command::Local => Ok(None),
        HeaderResult::V2(Ok(header)) => Ok(match header.addresses {
            v2::Addresses::IPv4(of) => Some(Endpoints::new(
                (of.source_address, of.source_port),
                (of.destination_address, of.destination_port),
            )),
            v2::Addresses::IPv6(of) => Some(Endpoints::new(
                (of.source_address, of.source_port),
                (of.destination_address, of.destination_port),
            )),
            v2::Addresses::Unspecified | v2::Addresses::Unix(_) => None,
        }),
        HeaderResult::V1(Err(error)) => Err(io::Error::new(ErrorKind::InvalidData, error)),
        HeaderResult::V2(Err(error)) => Err(io::Error::new(ErrorKind::InvalidData, error)),
    }
}

async fn read_rest(stream: &mut (impl AsyncRead + Unpin), header: &mut Vec<u8>) -> io::Result<()> {
    header.resize(HEAD, 0);
    stream.read_exact(&mut header[SIGNATURE.len()..]).await?;
    let length = usize::from(u16::from_be_bytes([header[14], header[15]]));
    if length > LONGEST_REST {
        return Err(refused("its PROXY header is too long"));
    }
    header.resize(HEAD + length, 0);
    stream.read_exact(&mut header[HEAD..]).await.map(drop)
}

/// Reads up to the line's end, a byte at a time: what stands behind it is the client's.
async fn read_line(stream: &mut (impl AsyncRead + Unpin), header: &mut Vec<u8>) -> io::Result<()> {
    while !header.ends_with(b"\r\n") {
        if header.len() == LONGEST_LINE {
            return Err(refused("its PROXY header is too long"));
        }
        header.push(stream.read_u8().await?);
    }
    Ok(())
}

fn refused(why: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Version 2's header of a command, a family and what stands behind.
    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    /// Whose connection it is, or why it is refused, and what is left for the next reader.
    async fn said(bytes: &[u8]) -> (Result<Option<String>, String>, usize) {
        let mut rest = bytes;
        let read = read(&mut rest).await;
        let read = read.map(|said| said.map(|said| said.source.ip().to_string()));
        (read.map_err(|error| error.to_string()), rest.len())
    }

    #[tokio::test]
    async fn a_header_says_whose_the_connection_is_and_nothing_behind_it_is_read() {
        let v4 = [192, 0, 2, 7, 198, 51, 100, 1, 0x30, 0x39, 1, 187];
        let mut v6 = [0; 36];
        v6[..4].copy_from_slice(&[0x20, 1, 0x0d, 0xb8]);
        v6[15] = 7;
        let with_more = [&v4[..], &[4, 0, 3, b'a', b'b', b'c']].concat();
        for (header, expected) in [
            (
                b"PROXY TCP4 192.0.2.7 198.51.100.1 12345 443\r\n".to_vec(),
                Some("192.0.2.7"),
            ),
            (
                b"PROXY TCP6 2001:db8::7 2001:db8::1 12345 443\r\n".to_vec(),
                Some("2001:db8::7"),
            ),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ffff:f...f:ffff 1 2\r\n".to_vec(), None),
            (binary(0x21, 0x11, &v4), Some("192.0.2.7")),
            (binary(0x21, 0x11, &with_more), Some("192.0.2.7")),
            (binary(0x21, 0x21, &v6), Some("2001:db8::7")),
            (binary(0x20, 0x00, &[]), None),
            (binary(0x20, 0x11, &v4), None),
            (binary(0x21, 0x00, &[]), None),
        ] {
            let shown = String::from_utf8_lossy(&header).into_owned();
            let expected = Ok(expected.map(str::to_owned));
            assert_eq!(said(&header).await, (expected.clone(), 0), "{shown}");
            let more = [&header[..], b"GET / HTTP/1.1\r\n\r\n"].concat();
            assert_eq!(said(&more).await, (expected, 18), "{shown}");
            // What breaks off is none.
            for length in 0..header.len() {
                assert!(said(&header[..length]).await.0.is_err(), "{shown} {length}");
            }
        }
    }

    /// What the switch says to an app is what others say to it: both read it in the same way.
    #[tokio::test]
    async fn what_is_written_is_read() {
        let endpoints = |source: &str, destination: &str| Endpoints {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
        };
        let v4 = endpoints("192.0.2.7:12345", "198.51.100.1:443");
        let v6 = endpoints("[2001:db8::7]:1", "[2001:db8::1]:65535");
        for (said, meant) in [
            (Some(v4), Some(v4)),
            (Some(v6), Some(v6)),
            // As a port has it that is open for both.
            (
                Some(endpoints("[::ffff:192.0.2.7]:12345", "[::ffff:198.51.100.1]:443")),
                Some(v4),
            ),
            (
                Some(endpoints("192.0.2.7:1", "[2001:db8::1]:2")),
                Some(endpoints("[::ffff:192.0.2.7]:1", "[2001:db8::1]:2")),
            ),
            (None, None),
        ] {
            for version in ProxyProtocol::ALL {
                let written = header(version, said);
                let mut rest = &written[..];
                assert_eq!(read(&mut rest).await.unwrap(), meant, "{version:?} {said:?}");
                assert_eq!(rest, b"", "{version:?} {said:?}");
            }
        }
        let text = header(ProxyProtocol::V1, Some(v4));
        assert_eq!(text, b"PROXY TCP4 192.0.2.7 198.51.100.1 12345 443\r\n");
        // A load balancer that looks whether an app lives says LOCAL.
        assert_eq!(header(ProxyProtocol::V2, None)[12..], [0x20, 0, 0, 0]);
        assert_eq!(header(ProxyProtocol::V1, None), b"PROXY UNKNOWN\r\n");
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused() {
        for bytes in [
            &b"GET / HTTP/1.1\r\nHost: api\r\n\r\n"[..],
            b"PROXY TCP4 192.0.2.7 198.51.100.1 12345\r\n",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 12345 443 \r\n",
            b"PROXY TCP4 here 198.51.100.1 12345 443\r\n",
            b"PROXY TCP4 2001:db8::7 198.51.100.1 12345 443\r\n",
            b"PROXY UDP4 192.0.2.7 198.51.100.1 12345 443\r\n",
            b"proxy TCP4 192.0.2.7 198.51.100.1 12345 443\r\n",
            &[b"PROXY TCP4 ", &[b'1'; 200][..], b"\r\n"].concat(),
            &binary(0x31, 0x11, &[0; 12]),
            &binary(0x21, 0x11, &[0; 11]),
            &binary(0x21, 0x11, &[0; LONGEST_REST + 1]),
            &binary(0x25, 0x11, &[0; 12]),
        ] {
            let shown = String::from_utf8_lossy(bytes);
            assert!(said(bytes).await.0.is_err(), "{shown}");
        }
    }
}
