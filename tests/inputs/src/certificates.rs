//! Certificates as people have them: what is taken is written so that it is read again, and no error shows anything of a key.

use gokku_core::text::causes::causes;
use gokku_proxy::tls::certificate::Certificate;
use gokku_proxy::tls::pem;

use crate::assert_is_a_line;

/// Checks a file with a chain and a key.
pub fn check(data: &[u8]) {
    if let Ok(blocks) = pem::parse(data) {
        let written: String = blocks
            .iter()
            .map(|block| pem::text(&block.label, &block.bytes))
            .collect();
        let again = pem::parse(written.as_bytes()).expect("what was written");
        let parts = |blocks: &[pem::PemBlock]| -> Vec<(String, Vec<u8>)> {
            blocks
                .iter()
                .map(|block| (block.label.clone(), block.bytes.clone()))
                .collect()
        };
        assert_eq!(parts(&again), parts(&blocks));
    }
    match Certificate::parse_both(data) {
        Ok(certificate) => {
            let again = Certificate::parse_both(certificate.pem().as_bytes()).expect("what was written");
            assert_eq!(again.pem(), certificate.pem());
            assert_eq!(again.names(), certificate.names());
            assert!(certificate.names().iter().all(|name| certificate.covers(name)));
            assert!(certificate.issuer().is_empty() || !certificate.issuer().contains(char::is_control));
        }
        Err(error) => {
            let said = causes(&error);
            assert_is_a_line(&said);
            let text = String::from_utf8_lossy(data);
            let mut secrets = text
                .lines()
                .filter(|line| line.len() > 40 && !line.starts_with('-'));
            assert!(!secrets.any(|line| said.contains(line)), "{said}");
        }
    }
}
