//! In which content coding a client takes an answer, RFC 9110 section 12.5.3.

use hyper::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};

/// A content coding in which the switch can pass an answer on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentCoding {
    /// RFC 8878.
    Zstd,
    /// RFC 7932.
    Brotli,
    /// RFC 1952.
    Gzip,
}

/// A client's wish for a coding, in thousandths; 0 is what it does not take.
type Weight = u16;

impl ContentCoding {
    /// Those that exist, the ones that cost least for what they save first: a client that has no preference gets the first.
    const ALL: [Self; 3] = [Self::Zstd, Self::Brotli, Self::Gzip];

    /// Returns its name in headers.
    fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// Returns its name as a header's value.
    pub(crate) fn header_value(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }

    fn has_name(self, name: &str) -> bool {
        let old_name = self == Self::Gzip && name.eq_ignore_ascii_case("x-gzip");
        name.eq_ignore_ascii_case(self.name()) || old_name
    }

    /// Returns the coding that a client likes best; none where it likes an answer as it is no less, or takes no other. Nothing is
    /// concluded from what cannot be read.
    pub(crate) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(ACCEPT_ENCODING).iter();
        let wishes: Vec<(&str, Weight)> = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .filter_map(wish)
            .collect();
        let weight_of = |is: &dyn Fn(&str) -> bool| {
            let named = wishes.iter().find(|(name, _)| is(name));
            let any = wishes.iter().find(|(name, _)| *name == "*");
            named
                .map(|(_, weight)| *weight)
                .or(any.map(|(_, weight)| *weight))
        };
        let plain = wishes
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("identity"));
        let plain = plain.map_or(0, |(_, weight)| *weight);
        let mut best = None;
        for coding in Self::ALL {
            let weight = weight_of(&|name| coding.has_name(name)).unwrap_or(0);
            if weight > best.map_or(plain.max(1) - 1, |(_, weight)| weight) && weight >= plain {
                best = Some((coding, weight));
            }
        }
        best.map(|(coding, _)| coding)
    }
}

/// Reads one part of the header, `gzip;q=0.5`.
fn wish(part: &str) -> Option<(&str, Weight)> {
    let (name, parameter) = match part.split_once(';') {
        Some((name, parameter)) => (name.trim(), Some(parameter.trim())),
        None => (part.trim(), None),
    };
    if name.is_empty() {
        return None;
    }
    let weight = match parameter {
        None => 1000,
        Some(parameter) => {
            let (key, value) = parameter.split_once('=')?;
            if !key.trim().eq_ignore_ascii_case("q") {
                return None;
            }
            read_weight(value.trim())?
        }
    };
    Some((name, weight))
}

/// Reads a weight, RFC 9110 section 12.4.2: from 0 to 1, with at most three digits after the point.
fn read_weight(text: &str) -> Option<Weight> {
    let (whole, thousandths) = text.split_once('.').unwrap_or((text, ""));
    let is_read = thousandths.len() <= 3 && thousandths.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths: Weight = format!("{thousandths:0<3}").parse().ok().filter(|_| is_read)?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_take() {
        use ContentCoding::{Brotli, Gzip, Zstd};
        let table: &[(&[&str], Option<ContentCoding>)] = &[
            (&[], None),
            (&[""], None),
            (&["gzip"], Some(Gzip)),
            (&["x-gzip"], Some(Gzip)),
            (&["GZIP"], Some(Gzip)),
            (&["gzip, deflate, br, zstd"], Some(Zstd)),
            (&["gzip, deflate, br"], Some(Brotli)),
            (&["gzip", "br"], Some(Brotli)),
            (&["deflate"], None),
            (&["*"], Some(Zstd)),
            (&["*;q=0"], None),
            (&["zstd;q=0, *"], Some(Brotli)),
            (&["gzip;q=1.0, *;q=0.5"], Some(Gzip)),
            (&["gzip;q=0"], None),
            (&["gzip;q=0.000"], None),
            (&["gzip;q=0.001"], Some(Gzip)),
            (&["gzip; q=0.8, br;q=0.9"], Some(Brotli)),
            (&["gzip ; Q=0.8 , br ; q = 0.7"], Some(Gzip)),
            (&["identity"], None),
            (&["identity, gzip"], Some(Gzip)),
            (&["identity;q=1, gzip;q=0.5"], None),
            (&["identity;q=0.5, gzip;q=0.5"], Some(Gzip)),
            (&["identity;q=0, gzip;q=0"], None),
            // What cannot be read is as if it were not there.
            (&["gzip;q=2"], None),
            (&["gzip;q=1.5"], None),
            (&["gzip;q=0.0001"], None),
            (&["gzip;q="], None),
            (&["gzip;level=9"], None),
            (&[";q=1, ,gzip"], Some(Gzip)),
        ];
        for (lines, expected) in table {
            let mut headers = HeaderMap::new();
            for line in *lines {
                headers.append(ACCEPT_ENCODING, HeaderValue::from_static(line));
            }
            assert_eq!(ContentCoding::accepted(&headers), *expected, "{lines:?}");
        }
        let mut unreadable = HeaderMap::new();
        unreadable.insert(
            ACCEPT_ENCODING,
            HeaderValue::from_bytes(b"gzip\xff").expect("a value"),
        );
        assert_eq!(ContentCoding::accepted(&unreadable), None);
    }
}
