//! The control API: calls in any order leave the table on disk and what the switch does the same.
//!
//! Each line is a request: its method, its path, its body. The switch is a real one that opens no port.

use std::path::Path;

use gokku_proxy::Limits;
use gokku_proxy::Switch;
use gokku_proxy::control::api::{PutRoute, Refused, RouteStatus};
use gokku_proxy::control::control_request::ControlRequest;
use gokku_proxy::route::table::{Routes, TableFile};

/// More calls than this find nothing that fewer do not.
const CALLS: usize = 24;

thread_local! {
    static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
}

/// Checks requests, one after the other.
pub fn check(data: &[u8]) {
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').take(CALLS).collect();
    let calls: Vec<ControlRequest> = lines.iter().filter_map(|line| understood(line)).collect();
    if !calls.is_empty() {
        RUNTIME.with(|runtime| runtime.block_on(performed(calls)));
    }
}

fn understood(line: &[u8]) -> Option<ControlRequest> {
    let mut words = line.splitn(3, |byte| *byte == b' ');
    let mut word = || words.next().unwrap_or_default();
    let (method, path, body) = (word(), word(), word());
    let (Ok(method), Ok(path)) = (std::str::from_utf8(method), std::str::from_utf8(path)) else {
        return None;
    };
    match ControlRequest::parse(method, path, body) {
        Ok(call) => {
            let (method, path, body) = written(&call);
            assert_eq!(ControlRequest::parse(method, &path, &body).as_ref(), Ok(&call));
            Some(call)
        }
        Err(refused) => {
            assert!(matches!(refused, Refused::Request { .. }), "{refused}");
            let text = serde_json::to_vec(&refused).expect("text");
            assert_eq!(
                serde_json::from_slice::<Refused>(&text).expect("what was written"),
                refused
            );
            None
        }
    }
}

/// A call as a client would make it.
fn written(call: &ControlRequest) -> (&'static str, String, Vec<u8>) {
    fn json(value: &impl serde::Serialize) -> Vec<u8> {
        serde_json::to_vec(value).expect("text")
    }
    let none = Vec::new;
    match call {
        ControlRequest::Status => ("GET", "/v1/status".to_owned(), none()),
        ControlRequest::Route(app) => ("GET", format!("/v1/routes/{app}"), none()),
        ControlRequest::Put(app, put) => ("PUT", format!("/v1/routes/{app}"), json(put)),
        ControlRequest::Domains(app, put) => ("PUT", format!("/v1/routes/{app}/domains"), json(put)),
        ControlRequest::Maintenance(app, put) => ("PUT", format!("/v1/routes/{app}/maintenance"), json(put)),
        ControlRequest::Delete(app) => ("DELETE", format!("/v1/routes/{app}"), none()),
        ControlRequest::Switch(app, to) => ("POST", format!("/v1/routes/{app}/switch"), json(to)),
        ControlRequest::Hold(app, hold) => ("POST", format!("/v1/routes/{app}/hold"), json(hold)),
        ControlRequest::Release(app) => ("POST", format!("/v1/routes/{app}/release"), none()),
        ControlRequest::Clear(app, clear) => ("POST", format!("/v1/routes/{app}/clear"), json(clear)),
        ControlRequest::Drain(app, drain) => ("POST", format!("/v1/routes/{app}/drain"), json(drain)),
        ControlRequest::ReloadCertificates => ("POST", "/v1/certificates/reload".to_owned(), none()),
        ControlRequest::PutChallenge(name, put) => {
            ("PUT", format!("/v1/challenges/{}", name.as_str()), json(put))
        }
        ControlRequest::RemoveChallenge(name) => {
            ("DELETE", format!("/v1/challenges/{}", name.as_str()), none())
        }
    }
}

async fn performed(calls: Vec<ControlRequest>) {
    // In memory where there is such a place: each change is made sure of on the disk.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    let folder = folder.expect("a folder");
    let table = TableFile::at(folder.path().join("routes.json"));
    let switch = Switch::new(table.clone(), Routes::new(), Limits::default());
    for call in calls {
        let before = seen(&switch);
        let result = perform(&switch, &call).await;
        let after = seen(&switch);
        if let Err(refused) = &result {
            assert!(!matches!(refused, Refused::Table { .. }), "{refused}");
            assert_eq!(
                before, after,
                "{call:?} was refused ({refused}) and changed something"
            );
        }
        let loaded = table.load().expect("a table");
        assert_eq!(loaded.trouble, None);
        let read_back = Switch::new(table.clone(), loaded.routes, Limits::default());
        assert_eq!(
            seen(&read_back),
            after,
            "after {call:?} the table says something else"
        );
    }
}

/// What of a switch lasts.
fn seen(switch: &Switch) -> Vec<String> {
    let mut routes: Vec<RouteStatus> = switch.routes().iter().map(|route| switch.status(route)).collect();
    routes.sort_by(|one, other| one.app.cmp(&other.app));
    let shown = routes.iter().map(|route| {
        let targets: Vec<String> = route
            .targets
            .iter()
            .map(|target| {
                let (container, release, address, tcp) =
                    (&target.container, target.release, target.address, &target.tcp);
                format!(
                    "{container:?} {release} {address} {tcp:?} {:?}",
                    target.proxy_protocol
                )
            })
            .collect();
        assert!(route.retired.is_empty(), "nobody had a request in flight");
        assert!(route.targets.iter().all(|target| target.in_flight == 0));
        let (app, port, tcp) = (&route.app, route.port, &route.tcp);
        format!(
            "{app} {port:?} {tcp:?} {targets:?} {} {}",
            route.held, route.maintenance
        )
    });
    shown.collect()
}

async fn perform(switch: &Switch, call: &ControlRequest) -> Result<(), Refused> {
    match call.clone() {
        // Certificates are none of the table's.
        ControlRequest::Status
        | ControlRequest::ReloadCertificates
        | ControlRequest::PutChallenge(..)
        | ControlRequest::RemoveChallenge(_) => Ok(()),
        ControlRequest::Route(app) => switch.route(&app).map(|route| drop(switch.status(&route))),
        ControlRequest::Put(app, PutRoute::Port(port) | PutRoute::From(port)) => {
            switch.put(&app, Some(port)).await.map(drop)
        }
        ControlRequest::Put(app, PutRoute::Search(search)) => {
            switch.put(&app, Some(search.from)).await.map(drop)
        }
        ControlRequest::Put(app, PutRoute::WithoutHttp) => switch.put(&app, None).await.map(drop),
        ControlRequest::Domains(app, put) => switch.put_domains(&app, put.domains).await,
        ControlRequest::Maintenance(app, put) => switch.put_maintenance(&app, put).await,
        ControlRequest::Delete(app) => switch.delete(&app).await,
        ControlRequest::Switch(app, to) => switch.switch(&app, to).await,
        ControlRequest::Hold(app, hold) => switch.hold(&app, hold).await,
        ControlRequest::Release(app) => switch.release(&app).await,
        ControlRequest::Clear(app, clear) => switch.clear(&app, clear).await,
        ControlRequest::Drain(_, drain) => {
            let drained = switch.drain(drain).await?;
            assert_eq!((drained.left, drained.cut), (0, 0));
            Ok(())
        }
    }
}
