//! Each failure is seen, counted as what it is, and as nothing else.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use gokku_tests::{Load, LoadPlan, PATIENCE, Report, Tally, Timeline, wait_until};

use crate::faulty::{Fault, serve};

/// Runs one client until some requests have ended.
fn report_of(plan: LoadPlan) -> Report {
    let load = Load::start_without_waiting(plan);
    wait_until("some requests", PATIENCE, || (load.requests() >= 3).then_some(()));
    load.stop()
}

/// All failures must be of the kind that `kind` reads.
#[track_caller]
fn assert_counted(report: &Report, kind: fn(&Tally) -> u64) {
    let total = report.total();
    assert!(kind(&total) > 0, "not counted: {report}\n{:?}", report.failures);
    assert_eq!(
        kind(&total),
        total.failed(),
        "counted as something else: {report}\n{:?}",
        report.failures
    );
    assert!(!report.failures.is_empty());
    let judged = std::panic::catch_unwind(|| report.assert_clean(&Timeline::new("v1")));
    assert!(judged.is_err(), "called clean: {report}");
}

fn fresh(address: SocketAddr) -> LoadPlan {
    LoadPlan {
        fresh: 1,
        ..LoadPlan::none(address)
    }
}

fn keep_alive(address: SocketAddr) -> LoadPlan {
    LoadPlan {
        keep_alive: 1,
        ..LoadPlan::none(address)
    }
}

#[test]
fn a_closed_port_is_refused() {
    // Bound once and closed: nobody listens there.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_counted(&report_of(fresh(address)), |tally| tally.refused);
}

#[test]
fn a_connection_that_ends_without_an_answer_is_reset() {
    assert_counted(&report_of(fresh(serve(Fault::ClosesWithoutAnswer))), |tally| {
        tally.reset
    });
}

#[test]
fn a_kept_connection_that_is_closed_silently_is_reset() {
    let report = report_of(keep_alive(serve(Fault::ForgetsKeptConnections)));
    assert_counted(&report, |tally| tally.reset);
    assert!(
        report.total().answered > 0,
        "the first request of each connection is answered: {report}"
    );
}

#[test]
fn a_short_body_is_truncated() {
    assert_counted(&report_of(fresh(serve(Fault::CutsTheBody))), |tally| {
        tally.truncated
    });
}

#[test]
fn chunks_without_an_end_are_truncated() {
    assert_counted(&report_of(fresh(serve(Fault::CutsTheChunks))), |tally| {
        tally.truncated
    });
}

#[test]
fn a_gateways_5xx_is_foreign() {
    assert_counted(&report_of(fresh(serve(Fault::BadGateway))), |tally| {
        tally.foreign_5xx
    });
}

#[test]
fn another_answer_that_is_not_the_apps_is_foreign_too() {
    assert_counted(&report_of(fresh(serve(Fault::NotFound))), |tally| tally.foreign);
}

#[test]
fn another_body_is_wrong() {
    assert_counted(&report_of(fresh(serve(Fault::WrongBody))), |tally| tally.wrong);
}

#[test]
fn the_apps_own_failure_is_wrong_but_not_foreign() {
    assert_counted(&report_of(fresh(serve(Fault::AppFails))), |tally| tally.wrong);
}

#[test]
fn what_is_no_http_is_wrong() {
    assert_counted(&report_of(fresh(serve(Fault::Babbles))), |tally| tally.wrong);
}

#[test]
fn silence_is_timed_out() {
    let patience = Duration::from_millis(200);
    let plan = LoadPlan {
        patience,
        ..fresh(serve(Fault::Silent))
    };
    assert_counted(&report_of(plan), |tally| tally.timed_out);
}

#[test]
fn an_upload_that_is_not_answered_is_reset() {
    let plan = LoadPlan {
        uploads: 1,
        ..LoadPlan::none(serve(Fault::ClosesWithoutAnswer))
    };
    assert_counted(&report_of(plan), |tally| tally.reset);
}

#[test]
fn a_web_socket_that_ends_without_a_close_is_truncated() {
    let plan = LoadPlan {
        web_sockets: 1,
        ..LoadPlan::none(serve(Fault::DropsWebSockets))
    };
    assert_counted(&report_of(plan), |tally| tally.truncated);
}

#[test]
fn a_web_socket_that_a_gateway_refuses_is_foreign() {
    let plan = LoadPlan {
        web_sockets: 1,
        ..LoadPlan::none(serve(Fault::BadGateway))
    };
    assert_counted(&report_of(plan), |tally| tally.foreign_5xx);
}
