//! What a service tells its service manager, see `sd_notify(3)`: lines of `NAME=value`, descriptors beside them.

/// The most descriptors that a service manager keeps for the traffic switch, where nothing else is said: one for each of its
/// ports, and one for its control socket. `FileDescriptorStoreMax=` of the service is this.
pub const STORED_DESCRIPTORS: usize = 4096;

/// The number of the first descriptor that a service is given, see `sd_listen_fds(3)`.
pub const FIRST_DESCRIPTOR: usize = 3;

/// A message, as far as it is understood here; every other line is passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotifyMessage {
    /// It serves.
    pub ready: bool,
    /// It ends, and is not to be started again.
    pub stopping: bool,
    /// What is to become of descriptors.
    pub descriptors: Option<DescriptorChange>,
    /// The descriptors' name.
    pub name: Option<String>,
}

/// What is to become of descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DescriptorChange {
    /// Those that came with the message are to be kept.
    Store,
    /// Those of this name are to be kept no longer.
    Remove,
}

impl NotifyMessage {
    /// Reads a message.
    pub fn parse(text: &[u8]) -> Self {
        let mut message = Self::default();
        for line in text.split(|byte| *byte == b'\n') {
            match line {
                b"READY=1" => message.ready = true,
                b"STOPPING=1" => message.stopping = true,
                b"FDSTORE=1" => message.descriptors = Some(DescriptorChange::Store),
                b"FDSTOREREMOVE=1" => message.descriptors = Some(DescriptorChange::Remove),
                line => {
                    if let Some(name) = line.strip_prefix(b"FDNAME=") {
                        message.name = std::str::from_utf8(name)
                            .ok()
                            .filter(|name| is_name(name))
                            .map(str::to_owned);
                    }
                }
            }
        }
        message
    }
}

/// Returns whether descriptors may have this name: it stands in a list with colons between.
fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b':';
    !name.is_empty() && name.len() <= 255 && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood_and_the_rest_passed_over() {
        let none = NotifyMessage::default();
        let named = |name: &str| Some(name.to_owned());
        let table = [
            ("", none.clone()),
            (
                "READY=1\nMAINPID=812\n",
                NotifyMessage {
                    ready: true,
                    ..none.clone()
                },
            ),
            (
                "STOPPING=1",
                NotifyMessage {
                    stopping: true,
                    ..none.clone()
                },
            ),
            (
                "FDSTORE=1\nFDNAME=port-80\nFDPOLL=0\n",
                NotifyMessage {
                    descriptors: Some(DescriptorChange::Store),
                    name: named("port-80"),
                    ..none.clone()
                },
            ),
            (
                "FDSTOREREMOVE=1\nFDNAME=control",
                NotifyMessage {
                    descriptors: Some(DescriptorChange::Remove),
                    name: named("control"),
                    ..none.clone()
                },
            ),
            ("READY=0\nREADY=11\n READY=1\nREADY", none.clone()),
            ("FDNAME=\n", none.clone()),
            ("FDNAME=a:b\n", none.clone()),
            ("FDNAME=a b\n", none.clone()),
            ("BARRIER=1", none.clone()),
        ];
        for (text, expected) in table {
            assert_eq!(NotifyMessage::parse(text.as_bytes()), expected, "{text:?}");
        }
        assert_eq!(NotifyMessage::parse(b"FDNAME=\xff\n"), none);
        let long = format!("FDNAME={}", "x".repeat(256));
        assert_eq!(NotifyMessage::parse(long.as_bytes()), none);
    }
}
