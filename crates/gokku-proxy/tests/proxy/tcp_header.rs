//! P43, P44: the PROXY protocol on TCP ports: what a load balancer in front says, and what the app is told. And P43's health checks of
//! TCP ports, which say it, too.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use gokku_core::config::app_protocol::AppProtocol;
use gokku_core::config::tcp_port::{ProxyProtocol, TcpPort};
use gokku_proxy::control::api::Target;
use gokku_proxy::health::probe::{Checked, Probe, Questions, check, probe_tcp};
use ppp::{HeaderResult, v1, v2};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Named, Site, free_ports, rest, soon, tcp, tcp_target};

/// Of whom and to where a header says that a connection is, and what stands behind it.
fn read_header(bytes: &[u8]) -> (Option<(SocketAddr, SocketAddr)>, Vec<u8>) {
    let (said, length) = match HeaderResult::parse(bytes) {
        HeaderResult::V1(Ok(header)) => {
            let said = match header.addresses {
                v1::Addresses::Tcp4(of) => Some((
                    (of.source_address, of.source_port).into(),
                    (of.destination_address, of.destination_port).into(),
                )),
                v1::Addresses::Tcp6(of) => Some((
                    (of.source_address, of.source_port).into(),
                    (of.destination_address, of.destination_port).into(),
                )),
                v1::Addresses::Unknown => None,
            };
            (said, header.header.len())
        }
        HeaderResult::V2(Ok(header)) => {
            let said = match header.addresses {
                v2::Addresses::IPv4(of) => Some((
                    (of.source_address, of.source_port).into(),
                    (of.destination_address, of.destination_port).into(),
                )),
                v2::Addresses::IPv6(of) => Some((
                    (of.source_address, of.source_port).into(),
                    (of.destination_address, of.destination_port).into(),
                )),
                v2::Addresses::Unspecified | v2::Addresses::Unix(_) => None,
            };
            assert_eq!(header.command == v2::Command::Local, said.is_none());
            (said, header.header.len())
        }
        other => panic!("{other:?} of {bytes:?}"),
    };
    (said, bytes[length..].to_vec())
}

#[tokio::test]
async fn p43_an_app_is_told_whose_a_connection_is_before_its_bytes() {
    for version in ProxyProtocol::ALL {
        for in_front in [false, true] {
            let mut site = Site::stopped();
            if in_front {
                site.trusted = vec!["127.0.0.1".parse().unwrap()];
                site.proxy_protocol = true;
            }
            site.start().await.unwrap();
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let port = site.ports + 1;
            site.open_tcp(Target {
                proxy_protocol: Some(version),
                ..tcp_target("blue", port, listener.local_addr().unwrap().port())
            })
            .await;
            let mut client = tcp(port).await;
            let own = (client.local_addr().unwrap(), client.peer_addr().unwrap());
            let wanted = if in_front {
                let header = b"PROXY TCP6 2001:db8::7 2001:db8::1 1234 5432\r\n";
                client.write_all(header).await.unwrap();
                (
                    "[2001:db8::7]:1234".parse().unwrap(),
                    "[2001:db8::1]:5432".parse().unwrap(),
                )
            } else {
                own
            };
            client.write_all(b"hello").await.unwrap();
            client.shutdown().await.unwrap();
            let (mut there, _) = soon("a connection", listener.accept()).await.unwrap();
            let (said, behind) = read_header(&rest(&mut there).await.unwrap());
            assert_eq!(said, Some(wanted), "{version:?}, in front: {in_front}");
            assert_eq!(behind, b"hello");
            // Its answer has none.
            there.write_all(b"back").await.unwrap();
            drop(there);
            assert_eq!(rest(&mut client).await.unwrap(), b"back");
        }
    }
}

/// Where one in front is to say whose a connection is, one that says nothing of that is not passed on; and an app that wants to hear
/// nothing hears nothing.
#[tokio::test]
async fn p44_a_connection_of_nobody_is_not_passed_on() {
    let mut site = Site::stopped();
    site.trusted = vec!["127.0.0.1".parse().unwrap()];
    site.proxy_protocol = true;
    site.start().await.unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = site.ports + 1;
    site.open_tcp(tcp_target("blue", port, listener.local_addr().unwrap().port()))
        .await;
    let mut client = tcp(port).await;
    client.write_all(b"SELECT 1; -- and more\r\n").await.unwrap();
    // Closed with something unread, it may end as a reset.
    assert_eq!(rest(&mut client).await.unwrap_or_default(), b"");
    let mut client = tcp(port).await;
    client
        .write_all(b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\nhello")
        .await
        .unwrap();
    let (mut there, _) = soon("a connection", listener.accept()).await.unwrap();
    let mut heard = [0; 5];
    soon("what is said", there.read_exact(&mut heard)).await.unwrap();
    assert_eq!(&heard, b"hello");
}

const LIMIT: Duration = Duration::from_secs(5);

#[tokio::test]
async fn p43_a_health_check_of_a_tcp_port() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    // Nothing is said to an app that is told nothing of connections.
    let (found, accepted) = tokio::join!(probe_tcp(address, None, LIMIT), listener.accept());
    assert_eq!(found, Probe::Accepted);
    assert_eq!(rest(&mut accepted.unwrap().0).await.unwrap(), b"");
    for version in ProxyProtocol::ALL {
        let asked = probe_tcp(address, Some(version), LIMIT);
        let (found, accepted) = tokio::join!(asked, listener.accept());
        assert_eq!(found, Probe::Accepted, "{version:?}");
        let mut stream: TcpStream = accepted.unwrap().0;
        let (said, behind) = read_header(&rest(&mut stream).await.unwrap());
        assert_eq!(
            (said, behind),
            (None, Vec::new()),
            "{version:?}: it is no client's"
        );
    }
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, free_ports()));
    assert_eq!(probe_tcp(nobody, None, LIMIT).await, Probe::Refused);
}

/// All that is asked of a container has to be well, and what is not is told with its port.
#[tokio::test]
async fn p43_a_container_is_well_when_all_its_ports_are() {
    let web = Named::new("web").await;
    let open = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let open = open.local_addr().map(|address| (address.port(), open)).unwrap();
    // Nobody else has that one.
    let closed = free_ports();
    let port = |container| TcpPort { host: 1, container };
    let found = async |path, tcp: &[TcpPort]| {
        let asked = Questions {
            address: web.address(),
            protocol: AppProtocol::default(),
            path,
            name: None,
            tcp,
            proxy_protocol: None,
        };
        check(asked, LIMIT).await
    };
    for (path, tcp, probe, at) in [
        (None, vec![port(open.0)], Probe::Accepted, open.0),
        (None, vec![port(closed)], Probe::Refused, closed),
        (
            Some("/up"),
            vec![port(open.0), port(closed)],
            Probe::Refused,
            closed,
        ),
        (Some("/up"), vec![port(open.0)], Probe::Accepted, open.0),
    ] {
        let wanted = Checked { probe, tcp: Some(at) };
        assert_eq!(found(path, &tcp).await, wanted, "{path:?} {tcp:?}");
    }
    web.set_ill(true);
    let ill = found(Some("/up"), &[port(open.0)]).await;
    assert!(!ill.probe.is_healthy());
    assert_eq!(ill.tcp, None);
}
