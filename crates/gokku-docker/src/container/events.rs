//! What happens to containers, as the engine tells it.

use std::collections::BTreeMap;
use std::time::SystemTime;

use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use gokku_core::ContainerId;
use gokku_core::containers::event::{ContainerEvent, EventKind};

use crate::engine::connection::Engine;
use crate::engine::error::Error;
use crate::engine::labels::label_filter;
use crate::engine::limits::Call;

impl Engine {
    /// Returns what happens from this call on to containers that carry these labels, whenever the stream is first looked at.
    /// Ends, mostly with an error, when the engine goes away. A container that ends at once may be told to have died
    /// before it is told to have started.
    pub fn events(&self, labels: &[(&str, &str)]) -> BoxStream<'static, Result<ContainerEvent, Error>> {
        let mut filters = label_filter(labels);
        filters.insert("type".to_owned(), vec!["container".to_owned()]);
        // The request is only sent when the stream is first looked at, and the engine answers before it listens: what
        // happens in between is had from its memory.
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let since = format!("{}.{:09}", now.as_secs(), now.subsec_nanos());
        let options = EventsOptionsBuilder::default()
            .since(&since)
            .filters(&filters)
            .build();
        let call = Call::new("events", "follow the engine's events", "events");
        let limit = self.limits.question;
        self.streams()
            .events(Some(options))
            .map_err(move |error| call.broke(limit, error))
            .map_ok(|event| {
                let actor = event.actor.unwrap_or_default();
                let labels: BTreeMap<String, String> =
                    actor.attributes.unwrap_or_default().into_iter().collect();
                let code = labels
                    .get("exitCode")
                    .and_then(|code| code.parse().ok())
                    .unwrap_or(0);
                ContainerEvent {
                    id: ContainerId::new(actor.id.unwrap_or_default()),
                    kind: match event.action.as_deref() {
                        Some("start") => EventKind::Started,
                        Some("die") => EventKind::Died(code),
                        // SIGINT, SIGQUIT, SIGKILL and SIGTERM.
                        Some("kill")
                            if matches!(
                                labels.get("signal").map(String::as_str),
                                Some("2" | "3" | "9" | "15")
                            ) =>
                        {
                            EventKind::Killed
                        }
                        Some("destroy") => EventKind::Removed,
                        _ => EventKind::Other,
                    },
                    labels,
                }
            })
            .boxed()
    }
}
