//! As much of protobuf's wire format as BuildKit's few messages need.

/// The fields of a message: number, value of a varint, bytes of a field with a length.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let key = varint(&mut self.0)?;
        let mut take = |length: usize| {
            let (bytes, rest) = self.0.split_at_checked(length)?;
            self.0 = rest;
            Some(bytes)
        };
        match key & 7 {
            0 => Some((key >> 3, varint(&mut self.0)?, &[])),
            1 => Some((key >> 3, 0, take(8)?)),
            2 => {
                let mut rest = self.0;
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                let (bytes, rest) = rest.split_at_checked(length)?;
                self.0 = rest;
                Some((key >> 3, 0, bytes))
            }
            5 => Some((key >> 3, 0, take(4)?)),
            _ => None,
        }
    }
}

/// A message of one field with these bytes.
pub(crate) fn one_field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut message = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length > 0x7f {
        message.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
        length >>= 7;
    }
    message.push(u8::try_from(length).unwrap_or_default());
    message.extend_from_slice(bytes);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 127, 128, 129, 16_383, 16_384, 500_000] {
            let bytes = vec![7; length];
            let message = one_field(3, &bytes);
            let fields: Vec<_> = Fields(&message).collect();
            assert_eq!(fields, [(3, 0, bytes.as_slice())], "{length}");
        }
    }
}
