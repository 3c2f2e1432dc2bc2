//! One switch takes another's place: nobody is refused, nobody is broken off.

use std::time::Duration;

use crate::support::{Named, PATIENCE, Site, Upstream, Wire, get, ok, until};

#[tokio::test]
async fn p06_whoever_comes_meanwhile_is_served_by_the_new_one() {
    let mut site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    let upstream = Upstream::new().await;
    let other = site.open_other("other", upstream.target("slow")).await;
    let mut slow = Wire::connect(other).await;
    slow.send("GET /slow HTTP/1.1\r\nhost: api\r\n\r\n").await;
    let mut app = upstream.accept().await;
    app.message().await;
    let mut upgraded = Wire::connect(other).await;
    upgraded
        .send("GET /ws HTTP/1.1\r\nhost: api\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")
        .await;
    let mut socket = upstream.accept().await;
    socket.message().await;
    socket
        .send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")
        .await;
    upgraded.through("\r\n\r\n").await;

    // Clients that never stop asking, each time on a new connection.
    let done = tokio_util::sync::CancellationToken::new();
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let done = done.clone();
            tokio::spawn(async move {
                let mut answered = 0;
                while !done.is_cancelled() {
                    assert_eq!(get(port, "/").await.text(), "blue");
                    answered += 1;
                }
                answered
            })
        })
        .collect();
    for _ in 0..5 {
        let leaving = site.take_over().await;
        assert_eq!(get(port, "/").await.text(), "blue");
        drop(leaving);
    }
    done.cancel();
    for client in clients {
        assert!(client.await.unwrap() > 0);
    }
    // The first one, five switches ago, has its requests still.
    socket.send("frame").await;
    upgraded.through("frame").await;
    app.send(ok("late")).await;
    assert_eq!(slow.message().await.text(), "late");
    // And the newest one is the one that is spoken to.
    let before = site.route().await;
    assert_eq!(before.targets.len(), 1);
    site.stop(PATIENCE).await.unwrap();
    until("the ports to be closed", async || {
        Wire::try_connect(port).await.is_err().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_new_one_that_cannot_start_changes_nothing() {
    let mut site = Site::new().await;
    let blue = Named::new("blue").await;
    let port = site.serve(blue.target()).await;
    let (table, good) = (site.table(), site.last_good());
    let kept = (std::fs::read(&table).unwrap(), std::fs::read(&good).ok());
    std::fs::write(&table, "{").unwrap();
    std::fs::write(&good, "{").unwrap();
    let error = site.try_take_over().await.expect_err("its table is damaged");
    assert!(error.to_string().contains("routes.json"), "{error}");
    std::fs::write(&table, kept.0).unwrap();
    if let Some(kept) = kept.1 {
        std::fs::write(&good, kept).unwrap();
    }
    assert_eq!(get(port, "/").await.text(), "blue");
    assert_eq!(site.route().await.targets.len(), 1);
    // Nor does one that asks for the sockets and goes away.
    let asking = tokio::net::UnixStream::connect(site.handover()).await.unwrap();
    drop(asking);
    assert_eq!(get(port, "/").await.text(), "blue");
    let leaving = site.take_over().await;
    assert_eq!(get(port, "/").await.text(), "blue");
    tokio::time::timeout(Duration::from_secs(30), leaving)
        .await
        .expect("the old one has nothing left to do")
        .unwrap();
}
