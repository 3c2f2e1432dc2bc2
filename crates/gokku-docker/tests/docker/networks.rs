//! Networks that are made from a range of addresses, and containers that are on several.

use gokku_core::containers::{Isolation, NetworkFacts, NewNetwork, labels};
use gokku_core::machine::subnet::{RANGE, Subnet};
use gokku_docker::{Engine, Error};

use crate::support::{Lab, Middle, answer, docker};

/// A range of so many bits that no other test has, and no app.
fn range(number: u32) -> Subnet {
    format!("10.{}.{number}.0/24", 214 + std::process::id() % 16)
        .parse()
        .unwrap()
}

fn new(lab: &Lab, range: Subnet, app: &str) -> NewNetwork {
    NewNetwork {
        names: vec![lab.name(app), lab.name(&format!("{app}_2"))],
        labels: lab.labels(&[(labels::APP, app), (labels::KIND, labels::OWN)]),
        containers: 10,
        range,
        avoid: Vec::new(),
    }
}

fn subnets(all: &[NetworkFacts]) -> Vec<String> {
    let mut all: Vec<String> = all.iter().map(|one| one.subnets[0].to_string()).collect();
    all.sort();
    all
}

/// Each gets a piece of its own, whoever asks at the same time; the same labels are the same network, unless it has become
/// too small.
#[tokio::test]
async fn each_gets_addresses_of_its_own() {
    let lab = Lab::new().await;
    let range = range(1);
    let makers = (0..6).map(|number| {
        let (engine, new) = (
            lab.engine.clone(),
            new(&lab, range, &format!("app{}", number % 3)),
        );
        tokio::spawn(async move { engine.network_of_range(&new).await })
    });
    let mut made = Vec::new();
    for maker in makers.collect::<Vec<_>>() {
        made.push(maker.await.unwrap().unwrap());
    }
    made.sort_by(|one, other| one.name.cmp(&other.name));
    made.dedup();
    assert_eq!(made.len(), 3, "{made:?}");
    assert!(
        made.iter()
            .all(|one| range.overlaps(one.subnets[0]) && one.room() == 61),
        "{made:?}"
    );
    assert_eq!(made[0].label(labels::KIND), Some(labels::OWN));
    let mut distinct = subnets(&made);
    distinct.dedup();
    assert_eq!(distinct.len(), 3, "{made:?}");
    // There is one piece left, and it is not large enough.
    let mut larger = new(&lab, range, "app0");
    larger.containers = 62;
    let error = lab.engine.network_of_range(&larger).await.unwrap_err();
    assert!(matches!(error, Error::NoRoom(_)), "{error}");
    assert!(error.to_string().contains("range = "), "{error}");
    assert!(lab.engine.remove_network(&lab.name("app1")).await.unwrap());
    assert!(lab.engine.remove_network(&lab.name("app2")).await.unwrap());
    larger.range = self::range(2);
    let second = lab.engine.network_of_range(&larger).await.unwrap();
    assert_eq!(
        (second.name.as_str(), second.room()),
        (lab.name("app0_2").as_str(), 125)
    );
    let again = lab
        .engine
        .network_of_range(&new(&lab, range, "app0"))
        .await
        .unwrap();
    assert_eq!(again, second, "the larger one of the two");
}

/// What somebody else has made is passed over, and so is what the machine uses.
#[tokio::test]
async fn what_is_taken_is_passed_over() {
    let lab = Lab::new().await;
    let range = range(3);
    let piece = |at: usize| {
        let text = range.to_string();
        text.replace(".0/24", &format!(".{}/26", at * 64))
    };
    let foreign = lab.name("foreign");
    let label = format!("{}={}", labels::ROOT, lab.root);
    docker(&[
        "network",
        "create",
        "--label",
        &label,
        "--subnet",
        &piece(0),
        &foreign,
    ]);
    let mut wanted = new(&lab, range, "api");
    wanted.avoid = vec![piece(1).parse().unwrap()];
    let made = lab.engine.network_of_range(&wanted).await.unwrap();
    assert_eq!(subnets(&[made]), [piece(2)]);
}

/// An engine may know of more than it lists: what it refuses is passed over, but not for ever.
#[tokio::test]
async fn what_the_engine_refuses_is_passed_over() {
    let lab = Lab::new().await;
    let wanted = new(&lab, RANGE, "api");
    let overlaps = r#"{"message":"Pool overlaps with other one on this address space"}"#;
    let middle = Middle::new(move |line| match line {
        line if line.contains("/version") => answer("200 OK", r#"{"Version":"28.5","ApiVersion":"1.51"}"#),
        line if line.contains("/networks/create") => answer("403 Forbidden", overlaps),
        _ => answer("200 OK", "[]"),
    });
    let engine = Engine::connect(&middle.socket()).await.unwrap();
    let error = engine.network_of_range(&wanted).await.unwrap_err();
    assert!(error.to_string().contains("Pool overlaps"), "{error}");
    let asked = middle.asked();
    let tries = asked.iter().filter(|line| line.contains("/create")).count();
    assert_eq!(tries, 65, "{asked:?}");
}

/// Between two networks there is no way; on one that both are on, each finds the other by its name, and by the name it has
/// been given since.
#[tokio::test]
async fn containers_meet_where_both_are() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let range = range(4);
    let own = async |app: &str| {
        lab.engine
            .network_of_range(&new(&lab, range, app))
            .await
            .unwrap()
            .name
    };
    let (api, shop, pair) = (own("api").await, own("shop").await, own("pair").await);
    // Other tests make networks meanwhile.
    let isolation = Isolation::of(lab.root.clone(), range, &[]);
    lab.isolate(&isolation).await;
    let serve = |name: &str, network: &str, beside: &[&String]| {
        let mut spec = lab.spec(&image, &["serve", "8080", name]);
        spec.name = lab.name(name);
        network.clone_into(&mut spec.network);
        spec.beside = beside.iter().map(|name| (*name).clone()).collect();
        spec
    };
    // From inside of one to another: 0 when it is there.
    let reaches = async |from: &gokku_core::ContainerId, to: &str| {
        let words = ["/app", "reach", to, "8080"].map(str::to_owned);
        let limit = std::time::Duration::from_secs(60);
        let mut said = String::new();
        let mut listen =
            |line: gokku_core::containers::LogLine| said.push_str(&String::from_utf8_lossy(&line.bytes));
        let code = lab
            .engine
            .run_inside(from, &words, limit, &mut listen)
            .await
            .unwrap();
        (code == Some(0), said)
    };
    let alone = lab.start(&serve("alone", &shop, &[])).await;
    let green = lab.start(&serve("shop-green", &shop, &[&pair])).await;
    let client = lab.start(&serve("api-blue", &api, &[&pair])).await;
    for (id, own) in [(&alone, &shop), (&green, &shop), (&client, &api)] {
        lab.said(id, "serving").await;
        let facts = lab.engine.container(id.as_str()).await.unwrap().unwrap();
        assert!(facts.addresses.contains_key(own), "{facts:?}");
    }
    let address = async |id: &gokku_core::ContainerId, network: &String| {
        lab.engine
            .container(id.as_str())
            .await
            .unwrap()
            .unwrap()
            .addresses[network]
            .to_string()
    };
    for to in [
        lab.name("alone"),
        address(&alone, &shop).await,
        address(&green, &shop).await,
    ] {
        let (found, said) = reaches(&client, &to).await;
        assert!(!found, "{to}: {said}");
    }
    for to in [lab.name("shop-green"), address(&green, &pair).await] {
        let (found, said) = reaches(&client, &to).await;
        assert!(found, "{to}: {said}");
    }
    lab.engine.rename(&green, &lab.name("shop-blue")).await.unwrap();
    assert!(reaches(&client, &lab.name("shop-blue")).await.0);
    assert!(!reaches(&client, &lab.name("shop-green")).await.0);
    lab.engine
        .rename(&client, &lab.name("api-renamed"))
        .await
        .unwrap();
    assert!(reaches(&green, &lab.name("api-renamed")).await.0);

    assert!(lab.engine.network_is_used(&pair).await.unwrap());
}

/// A network with no address left says so.
#[tokio::test]
async fn a_full_network_is_told() {
    let lab = Lab::new().await;
    let image = lab.image().await;
    let mut wanted = new(&lab, range(5), "api");
    wanted.range = wanted.range.to_string().replace("/24", "/30").parse().unwrap();
    wanted.containers = 1;
    let network = lab.engine.network_of_range(&wanted).await.unwrap().name;
    let mut spec = lab.spec(&image, &["deaf", "ready"]);
    spec.network.clone_from(&network);
    lab.start(&spec).await;
    let second = lab.engine.create(&spec).await.unwrap();
    let error = lab.engine.start(&second).await.unwrap_err().to_string();
    assert!(error.contains("its network is full"), "{error}");
}
