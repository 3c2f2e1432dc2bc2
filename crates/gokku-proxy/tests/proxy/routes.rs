//! Host ports: given, kept, moved, taken, closed.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use gokku_proxy::control::api::{PutRoute, Refused, Search};
use gokku_proxy::server::listen::check_port;

use crate::support::{Named, Site, Wire, app, free_ports, get, refused, target, until};

#[tokio::test]
async fn p25_a_request_to_the_host_port_is_answered_by_the_app() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    let answer = get(port, "/health").await;
    assert_eq!((answer.status(), answer.text()), (200, "blue"));
    assert_eq!(blue.asked()[0].first, "GET /health HTTP/1.1");
    let route = site.route().await;
    assert_eq!((route.port, route.requests), (Some(port), 1));
    assert_eq!(
        (route.targets[0].address, route.targets[0].in_flight),
        (blue.address(), 0)
    );
}

/// Without a configured address, over both families; the app is told the client's address as IPv4 has it.
#[tokio::test]
async fn a_port_is_open_on_every_address() {
    let site = Site::stopped();
    let config = gokku_proxy::Config {
        bind: None,
        ..site.config()
    };
    let proxy = gokku_proxy::Proxy::start(config).await.unwrap();
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    assert_eq!(get(port, "/").await.text(), "blue");
    assert_eq!(blue.asked()[0].header("x-forwarded-for"), Some("127.0.0.1"));
    match tokio::net::TcpStream::connect((std::net::Ipv6Addr::LOCALHOST, port)).await {
        Ok(stream) => {
            assert_eq!(Wire::new(stream).get("/").await.text(), "blue");
            assert_eq!(blue.asked()[1].header("x-forwarded-for"), Some("::1"));
            let forwarded = blue.asked()[1].header("forwarded").map(str::to_owned);
            assert!(forwarded.is_some_and(|hop| hop.starts_with("for=\"[::1]\";")));
        }
        // A machine without IPv6.
        Err(error) => assert_ne!(error.kind(), std::io::ErrorKind::ConnectionRefused),
    }
    proxy.stop(crate::support::PATIENCE).await;
}

#[tokio::test]
async fn without_a_target_the_switch_answers_itself() {
    let site = Site::new().await;
    let port = site.open().await;
    let answer = get(port, "/").await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.header("x-gokku-error"), Some("no-target"));
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert_eq!(answer.header("server"), Some("gokku"));
}

/// What runs and answers no requests has the route, and gets none.
#[tokio::test]
async fn a_target_without_a_port_is_asked_nothing() {
    let site = Site::new().await;
    let port = site
        .serve(target("worker", SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))
        .await;
    let answer = get(port, "/").await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.header("x-gokku-error"), Some("no-web"));
    let route = site.route().await;
    assert!(!route.answers());
    assert_eq!(route.targets[0].in_flight, 0);
    // From then on it answers.
    let blue = Named::new("blue").await;
    site.switch_to(blue.target()).await;
    assert_eq!(get(port, "/").await.text(), "blue");
    assert!(site.route().await.answers());
}

/// A given port is that one, and asking again changes nothing.
#[tokio::test]
async fn a_given_port_is_opened() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    for _ in 0..2 {
        let put = PutRoute::Port(site.ports);
        assert_eq!(
            site.client.put(&app("api"), put).await.unwrap().port,
            Some(site.ports)
        );
    }
    site.switch_to(blue.target()).await;
    let mut kept = Wire::connect(site.ports).await;
    assert_eq!(kept.get("/").await.text(), "blue");
    // Also while it serves.
    site.client
        .put(&app("api"), PutRoute::Port(site.ports))
        .await
        .unwrap();
    assert_eq!(kept.get("/").await.text(), "blue");
}

/// Neither another app's port nor another program's is free.
#[tokio::test]
async fn the_next_free_port_is_found_and_kept() {
    let site = Site::new().await;
    let first = site.ports;
    let _other_program = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
    site.client
        .put(&app("web"), PutRoute::Port(first + 1))
        .await
        .unwrap();
    let put = site.client.put(&app("api"), PutRoute::From(first)).await.unwrap();
    assert_eq!(put.port.unwrap(), first + 2);
    site.client.delete(&app("web")).await.unwrap();
    let put = site.client.put(&app("api"), PutRoute::From(first)).await.unwrap();
    assert_eq!(put.port.unwrap(), first + 2, "it keeps the one it has");
}

/// None of those that are kept is found, in a range or alone; what an app has it keeps, whatever is kept by now.
#[tokio::test]
async fn a_search_passes_over_what_is_kept() {
    let site = Site::new().await;
    let from = site.ports;
    let search = |except: Vec<String>| {
        PutRoute::Search(Search {
            from,
            except: except.iter().map(|range| range.parse().unwrap()).collect(),
        })
    };
    let kept = vec![format!("{from}-{}", from + 1), (from + 3).to_string()];
    for (name, port) in [("api", from + 2), ("web", from + 4), ("api", from + 2)] {
        let put = site.client.put(&app(name), search(kept.clone())).await;
        assert_eq!(put.unwrap().port.unwrap(), port, "{name}");
    }
    let put = site
        .client
        .put(&app("api"), search(vec!["1-65535".to_owned()]))
        .await;
    assert_eq!(put.unwrap().port.unwrap(), from + 2);
    let none = site
        .client
        .put(&app("shop"), search(vec!["1-65535".to_owned()]))
        .await;
    assert!(
        none.unwrap_err()
            .to_string()
            .contains("no port from here on is free")
    );
}

#[tokio::test]
async fn an_app_moves_to_another_port() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let old = site.serve(blue.target()).await;
    let new = old + 1;
    let route = site.client.put(&app("api"), PutRoute::Port(new)).await.unwrap();
    assert_eq!((route.port, route.targets.len()), (Some(new), 1));
    assert_eq!(get(new, "/").await.text(), "blue");
    refuses(old).await;
    // The one it left is free again.
    site.client.put(&app("web"), PutRoute::Port(old)).await.unwrap();
}

async fn refuses(port: u16) {
    until("the port to be closed", async || {
        Wire::try_connect(port).await.is_err().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_port_of_another_program_is_refused_and_its_holder_named() {
    let site = Site::new().await;
    let _other_program = TcpListener::bind((Ipv4Addr::LOCALHOST, site.ports)).unwrap();
    let put = site.client.put(&app("api"), PutRoute::Port(site.ports)).await;
    let Refused::PortTaken { port, holder, .. } = refused(put) else {
        panic!("refused for another reason");
    };
    assert_eq!(port, site.ports);
    assert!(
        holder.ends_with(&format!("(process {})", std::process::id())),
        "{holder}"
    );
    let none = refused(site.client.route(&app("api")).await);
    assert!(matches!(none, Refused::NoRoute { .. }), "{none:?}");
}

/// Asked before anything is built.
#[tokio::test]
async fn whether_a_port_can_be_had_is_told() {
    let (bind, port) = (Some(Ipv4Addr::LOCALHOST.into()), free_ports());
    for _ in 0..2 {
        assert_eq!(check_port(bind, port), Ok(()), "to ask does not take it");
    }
    let _other_program = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let Err(Refused::PortTaken {
        port: taken, holder, ..
    }) = check_port(bind, port)
    else {
        panic!("it is taken");
    };
    let this = format!("(process {})", std::process::id());
    assert!(taken == port && holder.ends_with(&this), "{taken}: {holder}");
}

#[tokio::test]
async fn a_port_of_another_app_is_refused_and_the_app_named() {
    let site = Site::new().await;
    let web = site
        .client
        .put(&app("web"), PutRoute::From(site.ports))
        .await
        .unwrap();
    let own = site.open().await;
    let put = site
        .client
        .put(&app("api"), PutRoute::Port(web.port.unwrap()))
        .await;
    let Refused::PortTaken { port, holder, .. } = refused(put) else {
        panic!("refused for another reason");
    };
    assert_eq!((port, holder.as_str()), (web.port.unwrap(), "the app web"));
    assert_eq!(site.route().await.port.unwrap(), own, "it keeps its own");
    assert_eq!(get(own, "/").await.status(), 503);
}

/// Port 0 would be any port, and no client could know which.
#[tokio::test]
async fn port_0_is_refused() {
    let site = Site::new().await;
    let put = site.client.put(&app("api"), PutRoute::Port(0)).await;
    let refused = refused(put);
    assert!(matches!(refused, Refused::Request { .. }), "{refused:?}");
    let put = site.client.put(&app("api"), PutRoute::From(0)).await.unwrap();
    assert_ne!(put.port.unwrap(), 0);
    assert_eq!(get(put.port.unwrap(), "/").await.status(), 503);
}

#[tokio::test]
async fn delete_closes_the_port() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    assert_eq!(get(port, "/").await.text(), "blue");
    site.client.delete(&app("api")).await.unwrap();
    refuses(port).await;
    let none = refused(site.client.delete(&app("api")).await);
    assert!(matches!(none, Refused::NoRoute { .. }), "{none:?}");
    assert_eq!(site.client.status().await.unwrap().routes, []);
}

/// A connection that was kept open would belong to the old route for ever.
#[tokio::test]
async fn delete_ends_kept_connections() {
    let site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    let mut kept = Wire::connect(port).await;
    assert_eq!(kept.get("/").await.text(), "blue");
    site.client.delete(&app("api")).await.unwrap();
    assert_eq!(kept.rest().await, b"");
}

/// A taken port does not keep the other apps from being served, and is opened once it is free.
#[tokio::test]
async fn a_port_that_is_taken_at_the_start_is_opened_later() {
    let mut site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    let web = site
        .client
        .put(&app("web"), PutRoute::From(port + 1))
        .await
        .unwrap();
    site.kill().await;
    let other_program = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    site.start().await.unwrap();
    site.all_run().await;
    let trouble = site.route().await.trouble.expect("a trouble");
    assert!(
        trouble.contains(&format!("(process {})", std::process::id())),
        "{trouble}"
    );
    assert_eq!(get(web.port.unwrap(), "/").await.status(), 503);
    drop(other_program);
    until("the port to be opened", async || {
        site.route().await.trouble.is_none().then_some(())
    })
    .await;
    assert_eq!(get(port, "/").await.text(), "blue");
}
