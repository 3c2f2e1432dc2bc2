//! Certificates as people have them: which are taken, what is said of the others, and the folder they are kept in.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use gokku_core::certificates::order::CertificateId;
use gokku_core::domains::name::DomainName;
use gokku_core::text::causes::causes;
use gokku_core::text::utc_time::UtcTime;
use gokku_proxy::tls::certificate::Certificate;
use gokku_proxy::tls::certificate_store::{CertificateStore, Source};
use rcgen::{
    ExtendedKeyUsagePurpose, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, date_time_ymd,
};

use crate::support::{self, Authority, params, text};

/// What `openssl` makes of this input.
fn openssl(arguments: &[&str], input: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let given = folder.path().join("in.pem");
    std::fs::write(&given, input).unwrap();
    let output = Command::new("openssl")
        .args(arguments)
        .arg("-in")
        .arg(&given)
        .output()
        .expect("openssl runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn p40_keys_of_every_usual_kind_are_taken() {
    let authority = Authority::new();
    for algorithm in [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &PKCS_ECDSA_P384_SHA384,
        &PKCS_ED25519,
        &PKCS_RSA_SHA256,
    ] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let issued = authority.issue_as(
            &params(&["API.example.com", "*.example.com", "api.example.com"]),
            key,
        );
        let certificate = support::certificate(&issued);
        let names: Vec<&str> = certificate.names().iter().map(DomainName::as_str).collect();
        assert_eq!(names, ["api.example.com", "*.example.com"]);
        assert_eq!(certificate.issuer(), "An issuer of tests");
        assert!(!certificate.lacks_issuer());
        assert_eq!(certificate.not_after().to_string(), "2100-01-01T00:00:00Z");
        // What is written is read again.
        let again = Certificate::parse_both(certificate.pem().as_bytes()).unwrap();
        assert_eq!(again.pem(), certificate.pem());
    }
    // Also as older programs write them.
    for (algorithm, label) in [
        (&rcgen::PKCS_ECDSA_P256_SHA256, "EC PRIVATE KEY"),
        (&PKCS_RSA_SHA256, "RSA PRIVATE KEY"),
    ] {
        let issued = authority.issue_as(
            &params(&["example.com"]),
            KeyPair::generate_for(algorithm).unwrap(),
        );
        let key = openssl(&["pkey", "-traditional"], &issued.key());
        assert!(key.contains(label), "openssl writes another kind");
        Certificate::parse(issued.chain.as_bytes(), key.as_bytes()).unwrap();
    }
}

#[test]
fn a_certificate_alone_may_be_one_that_nobody_else_issued() {
    let authority = Authority::new();
    let issued = authority.issue(&["example.com"]);
    let alone = Certificate::parse(text(&issued.leaf).as_bytes(), issued.key().as_bytes()).unwrap();
    assert!(alone.lacks_issuer());
    let key = KeyPair::generate().unwrap();
    let signed = params(&["example.com"]).self_signed(&key).unwrap();
    let key = gokku_proxy::tls::pem::text("PRIVATE KEY", key.serialized_der());
    let own = Certificate::parse(text(signed.der()).as_bytes(), key.as_bytes()).unwrap();
    assert!(!own.lacks_issuer());
    // And the root may stand at the end.
    let (root, _) = authority.own();
    let with_root = format!("{}{}", issued.chain, text(root));
    Certificate::parse(with_root.as_bytes(), issued.key().as_bytes()).unwrap();
}

#[test]
fn p40_what_does_not_fit_is_told_with_its_place() {
    let authority = Authority::new();
    let (issued, other) = (
        authority.issue(&["example.com"]),
        authority.issue(&["other.example"]),
    );
    let (root, intermediate) = authority.own();
    let stranger = Authority::new();
    let (_, foreign) = stranger.own();
    let (key, chain) = (issued.key(), issued.chain.clone());
    let leaf = text(&issued.leaf);
    let lines = leaf.lines().count();
    let second = lines + 1;
    let encrypted = openssl(&["pkey", "-aes256", "-passout", "pass:secret"], &key);
    let old = openssl(
        &["pkey", "-traditional", "-aes256", "-passout", "pass:secret"],
        &key,
    );
    let no_names = authority.issue_as(&params(&[]), KeyPair::generate().unwrap());
    let address = authority.issue(&["192.0.2.1"]);
    let mut for_clients = params(&["example.com"]);
    for_clients.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let for_clients = authority.issue_as(&for_clients, KeyPair::generate().unwrap());
    let huge = "#".repeat((1 << 20) + 1);
    let at = |line: usize, words: &str| format!("line {line}: {words}");
    for (chain, key, told) in [
        (
            chain.as_str(),
            other.key().as_str(),
            "the key is not that of the certificate".to_owned(),
        ),
        (chain.as_str(), "", "there is no private key".to_owned()),
        (
            chain.as_str(),
            chain.as_str(),
            "there is no private key".to_owned(),
        ),
        ("", key.as_str(), "the chain has no certificate in it".to_owned()),
        (
            key.as_str(),
            key.as_str(),
            "the chain has no certificate in it".to_owned(),
        ),
        (
            chain.as_str(),
            &format!("{key}{key}"),
            at(6, "this is a second private key"),
        ),
        (
            chain.as_str(),
            encrypted.as_str(),
            at(1, "the private key has a passphrase"),
        ),
        (
            chain.as_str(),
            old.as_str(),
            at(1, "the private key has a passphrase"),
        ),
        (
            chain.as_str(),
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            at(1, "the private key cannot be used"),
        ),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            key.as_str(),
            at(1, "this is not a certificate"),
        ),
        (
            &chain[..chain.len() - 30],
            key.as_str(),
            format!(
                "the chain is broken: {}",
                at(second, "the block CERTIFICATE that begins here has no")
            ),
        ),
        (
            &leaf.replacen("\nM", "\n?", 1),
            key.as_str(),
            format!("the chain is broken: {}", at(2, "this is not base64")),
        ),
        (
            &format!("{}{leaf}", text(intermediate)),
            key.as_str(),
            format!(
                "the key is that of the certificate at line {}",
                text(intermediate).lines().count() + 1
            ),
        ),
        (
            &format!("{leaf}{}{}", text(root), text(intermediate)),
            key.as_str(),
            at(second, "this certificate did not issue the one before it"),
        ),
        (
            // Its name is the same, its key is not.
            &format!("{leaf}{}", text(foreign)),
            key.as_str(),
            at(second, "this certificate did not issue the one before it"),
        ),
        (
            no_names.chain.as_str(),
            &no_names.key(),
            "the certificate is for no domain".to_owned(),
        ),
        (
            address.chain.as_str(),
            &address.key(),
            "the certificate is for no domain".to_owned(),
        ),
        (
            for_clients.chain.as_str(),
            &for_clients.key(),
            "the certificate is not for servers".to_owned(),
        ),
        (
            huge.as_str(),
            key.as_str(),
            "the chain is too large: there are more than 1.0 MB".to_owned(),
        ),
        (
            chain.as_str(),
            huge.as_str(),
            "the key is too large: there are more than 1.0 MB".to_owned(),
        ),
    ] {
        let error = Certificate::parse(chain.as_bytes(), key.as_bytes()).expect_err(&told);
        let said = causes(&error);
        assert!(said.contains(&told), "{said:?} does not say {told:?}");
        // Nothing of a key is said.
        assert!(
            !key.lines()
                .any(|line| line.len() > 20 && !line.starts_with('-') && said.contains(line))
        );
    }
}

#[test]
fn p40_one_that_is_not_valid_now_says_when() {
    let authority = Authority::new();
    let mut past = params(&["example.com"]);
    past.not_after = date_time_ymd(2001, 2, 3);
    let past = support::certificate(&authority.issue_as(&past, KeyPair::generate().unwrap()));
    let (first, last) = (UtcTime(946_684_800), UtcTime(981_158_400));
    assert_eq!((past.not_before(), past.not_after()), (first, last));
    for (time, told) in [
        (first.0 - 1, Some("is not valid before 2000-01-01T00:00:00Z")),
        (first.0, None),
        (last.0, None),
        (last.0 + 1, Some("has expired, on 2001-02-03T00:00:00Z")),
    ] {
        let checked = past.check_time(UtcTime(time)).map_err(|error| error.to_string());
        assert_eq!(past.is_valid_at(UtcTime(time)), told.is_none(), "{time}");
        match told {
            None => assert_eq!(checked, Ok(()), "{time}"),
            Some(told) => assert!(checked.is_err_and(|said| said.contains(told)), "{time}"),
        }
    }
}

#[test]
fn names_are_covered_as_clients_think() {
    let authority = Authority::new();
    let certificate = support::certificate(&authority.issue(&["example.com", "*.example.com"]));
    for (name, covered) in [
        ("example.com", true),
        ("www.example.com", true),
        ("*.example.com", true),
        ("a.b.example.com", false),
        ("*.b.example.com", false),
        ("example.org", false),
        ("com", false),
    ] {
        assert_eq!(certificate.covers(&name.parse().unwrap()), covered, "{name}");
    }
}

#[test]
fn the_folder_is_its_owners_alone_and_keeps_what_can_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = folder.path().join("proxy/certs");
    let store = CertificateStore::of(Source::Own, &certificates);
    assert!(store.load().certificates.is_empty());
    let authority = Authority::new();
    let long = format!("{}.example", ["a".repeat(60).as_str(); 4].join("."));
    assert!(long.len() > 250);
    for names in [&["*.example.com", "example.com"][..], &["example.org"], &[&long]] {
        let certificate = support::certificate(&authority.issue(names));
        store
            .add(&CertificateId::first(certificate.name()), &certificate)
            .unwrap();
    }
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let wildcard = CertificateId::kept("*.example.com").unwrap();
    assert_eq!(store.path(&wildcard), certificates.join("own/_.example.com.pem"));
    assert_eq!(mode(&store.path(&wildcard)), 0o600);
    assert_eq!(mode(&certificates.join("own")), 0o700);
    // Another process was killed while it wrote one.
    std::fs::write(certificates.join("own/.certificate-tmp-x"), "half").unwrap();
    std::fs::write(certificates.join("own/broken.example.pem"), "half").unwrap();
    let loaded = store.load();
    let ids: Vec<_> = loaded
        .certificates
        .iter()
        .map(|stored| stored.id.as_ref().map_or("none", CertificateId::as_str))
        .collect();
    assert_eq!(ids, ["*.example.com", long.as_str(), "example.org"]);
    let told: Vec<String> = loaded.damaged.iter().map(|error| causes(error)).collect();
    assert!(
        told.len() == 1
            && told[0].contains("own/broken.example.pem cannot be used: the chain has no certificate"),
        "{told:?}"
    );
    // The next one of the same name replaces it.
    let next = support::certificate(&authority.issue(&["example.org"]));
    let id = CertificateId::first(next.name());
    store.add(&id, &next).unwrap();
    assert!(!certificates.join("own/.certificate-tmp-x").exists());
    let read = std::fs::read_to_string(store.path(&id)).unwrap();
    assert_eq!(read, next.pem());
    assert!(store.remove(&id).unwrap());
    assert!(!store.remove(&id).unwrap());
    assert!(store.remove(&CertificateId::kept(&long).unwrap()).unwrap());
    assert_eq!(store.load().certificates.len(), 1);
    // Two of the same first name, and one whose file somebody called as they liked.
    let second = CertificateId::kept("*.example.com.2").unwrap();
    store.add(&second, &next).unwrap();
    assert_eq!(store.path(&second), certificates.join("own/_.example.com.2.pem"));
    std::fs::copy(store.path(&second), certificates.join("own/Mine of 2026.pem")).unwrap();
    let ids: Vec<_> = store
        .load()
        .certificates
        .into_iter()
        .map(|stored| stored.id)
        .collect();
    assert_eq!(ids, [None, Some(second), Some(wildcard)]);
}
