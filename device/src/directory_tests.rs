use wire::Node;
use wire::bundle::{OffloadPolicy, ServiceTimes};

use crate::core::endpoint::{Ask, LoadSeen};
use crate::core::fleet::{FleetMean, Guesses};
use crate::core::model::{Local, Model};
use crate::core::outcome::Reason;
use crate::core::probe::Question;
use crate::core::profile::Profile;
use crate::core::when::When;
use crate::directory::Directory;

const SECOND_US: u64 = 1_000_000;

/// A directory, and the table of endpoints that it keeps in step.
struct Books {
    directory: Directory,
    model: Model,
}

impl Books {
    fn new() -> Self {
        let model =
            Model::new(OffloadPolicy::default(), Profile::default(), Local::Absent(Reason::NoLocalModel));
        Self { directory: Directory::default(), model }
    }

    /// Takes a table in, of names and the last numbers of addresses.
    fn merge(&mut self, second: u64, rows: &[(&str, u8)]) {
        let nodes: Vec<Node> = rows.iter().map(|(name, host)| node(name, url(*host))).collect();
        self.directory.merge(second * SECOND_US, &nodes, &mut self.model);
    }

    /// A route leads to a name at an address; whether that is known.
    fn route(&mut self, second: u64, name: &str, host: u8) -> bool {
        self.directory.route(second * SECOND_US, name, &url(host), &mut self.model).is_some()
    }

    /// An endpoint answers where a route led to.
    fn enter(&mut self, second: u64, name: &str, host: u8) {
        let connections = self.directory.dial(&url(host)).expect("an address that may be dialled");
        let id = self
            .directory
            .enter(second * SECOND_US, (name, connections), &mut self.model)
            .expect("a place in the table");
        self.model.met(second * SECOND_US, id, 2_000, LoadSeen::default());
    }

    /// Every endpoint tells its load.
    fn hear(&mut self) {
        for entry in self.directory.entries() {
            self.model.probed(0, 0, (entry.id, Question::Load), Some((2_000, LoadSeen::default())));
        }
    }

    /// Every endpoint fails until its breaker opens.
    fn fail(&mut self) {
        for entry in self.directory.entries() {
            self.model.probed(0, 0, (entry.id, Question::Load), None);
            self.model.probed(0, 0, (entry.id, Question::Load), None);
        }
    }

    /// A search finds these at a time when a table lists those; tells whether one is news.
    fn hold(&mut self, found: &[u8], listed: &[(&str, u8)]) -> bool {
        let found: Vec<_> = found.iter().map(|host| url(*host).parse().expect("an address")).collect();
        let listed: Vec<Node> = listed.iter().map(|(name, host)| node(name, url(*host))).collect();
        self.directory.hold(&found, &listed, &mut self.model)
    }

    /// The endpoint at the address with this last number tells its name.
    fn name(&mut self, host: u8, name: &str) {
        let id = self.directory.at(&url(host).parse().expect("an address")).expect("it is known").id;
        self.directory.identify(id, name, &mut self.model);
    }

    #[track_caller]
    fn check(&self, rows: &[(&str, u8)]) {
        let entries = self.directory.entries().iter();
        let found: Vec<_> =
            entries.map(|entry| (entry.name.as_deref(), entry.connections.url().to_string())).collect();
        let wanted: Vec<_> = rows.iter().map(|(name, host)| (Some(*name), url(*host))).collect();
        assert_eq!(found, wanted);
        assert_eq!(self.model.endpoints().count(), rows.len());
    }
}

fn node(name: &str, url: String) -> Node {
    Node { name: name.into(), url, zone: String::new(), service_times: None }
}

fn url(host: u8) -> String {
    format!("http://192.0.2.{host}:30080")
}

#[test]
fn tables_of_different_age_remove_nobody() {
    let mut books = Books::new();
    for second in [0, 60, 120, 180, 240] {
        books.merge(second, &[("oak", 1), ("elm", 2)]);
        books.merge(second + 30, &[("oak", 1)]);
        books.check(&[("oak", 1), ("elm", 2)]);
    }
}

#[test]
fn a_node_that_every_table_misses_for_two_minutes_leaves() {
    let mut books = Books::new();
    books.merge(0, &[("oak", 1), ("elm", 2)]);
    books.merge(1_000, &[("oak", 1)]);
    books.merge(1_119, &[("oak", 1)]);
    books.check(&[("oak", 1), ("elm", 2)]);
    books.merge(1_120, &[("oak", 1)]);
    books.check(&[("oak", 1)]);
}

#[test]
fn an_empty_table_removes_nobody() {
    let mut books = Books::new();
    books.merge(0, &[("oak", 1)]);
    books.merge(30, &[]);
    books.merge(300, &[]);
    books.check(&[("oak", 1)]);
}

#[test]
fn a_node_that_moved_is_dialled_anew_when_its_old_address_fails() {
    let mut books = Books::new();
    books.merge(0, &[("oak", 1)]);
    books.hear();
    books.merge(30, &[("oak", 9)]);
    books.check(&[("oak", 1)]);
    books.fail();
    books.merge(60, &[("oak", 9)]);
    books.check(&[("oak", 9)]);
    assert!(books.model.endpoints().all(|(_, endpoint)| endpoint.breaker.is_closed()));
}

#[test]
fn a_node_that_moved_and_answers_twice_moves_in_the_end_and_stays() {
    let mut books = Books::new();
    books.merge(0, &[("oak", 1)]);
    books.hear();
    books.merge(30, &[("oak", 9)]);
    books.merge(150, &[("oak", 9)]);
    books.check(&[("oak", 9)]);
    books.hear();
    books.merge(160, &[("oak", 1)]);
    books.check(&[("oak", 9)]);
}

#[test]
fn an_address_that_the_user_gave_stays() {
    let mut books = Books::new();
    books.directory.add_given(url(1).parse().expect("an address"), &mut books.model);
    books.merge(0, &[("oak", 1)]);
    books.fail();
    books.merge(30, &[("oak", 9)]);
    books.merge(300, &[("elm", 2)]);
    books.check(&[("oak", 1), ("elm", 2)]);
}

#[test]
fn whom_the_user_told_an_address_inside_tls_is_led_to_none_in_the_clear() {
    let inside = |host: u8| url(host).replace("http:", "https:");
    let mut books = Books::new();
    books.directory.add_given(inside(1).parse().expect("an address"), &mut books.model);
    let nodes = [node("oak", inside(1)), node("elm", inside(2)), node("ash", url(3))];
    books.directory.merge(0, &nodes, &mut books.model);
    let entries = books.directory.entries().iter();
    let found: Vec<_> = entries.map(|entry| entry.connections.url().to_string()).collect();
    assert_eq!(found, [inside(1), inside(2)]);
}

#[test]
fn in_a_full_table_a_route_takes_the_place_of_what_no_route_led_to() {
    let mut books = Books::new();
    let all: Vec<(String, u8)> = (0..16).map(|host| (format!("node-{host}"), host)).collect();
    let rows: Vec<(&str, u8)> = all.iter().map(|(name, host)| (name.as_str(), *host)).collect();
    books.merge(0, &rows);
    books.hear();
    assert!(books.route(1, "node-0", 0));
    books.enter(10, "elm", 40);
    books.enter(10, "fir", 41);
    let mut wanted = vec![("node-0", 0)];
    wanted.extend(&rows[3..]);
    wanted.extend([("elm", 40), ("fir", 41)]);
    books.check(&wanted);
}

#[test]
fn a_route_to_another_address_is_news_only_where_the_old_one_does_not_answer() {
    let mut books = Books::new();
    books.merge(0, &[("oak", 1)]);
    books.hear();
    assert!(books.route(1, "oak", 2), "it answers where it is");
    books.fail();
    assert!(!books.route(2, "oak", 2), "it has moved");
    books.enter(2, "oak", 2);
    books.check(&[("oak", 2)]);
}

#[test]
fn an_endpoint_that_only_routes_lead_to_stays_as_long_as_they_do() {
    let mut books = Books::new();
    books.merge(0, &[("oak", 1)]);
    books.enter(0, "elm", 2);
    for second in [100, 200, 300] {
        books.merge(second, &[("oak", 1)]);
        assert!(books.route(second, "elm", 2));
    }
    books.merge(301, &[("oak", 1)]);
    books.check(&[("oak", 1), ("elm", 2)]);
    books.merge(425, &[("oak", 1)]);
    books.check(&[("oak", 1)]);
}

#[test]
fn what_a_table_tells_of_a_node_is_expected_of_it_until_it_was_heard() {
    let mut books = Books::new();
    let told = |p95: u64| Some(ServiceTimes { p50_microseconds: p95 / 2, p95_microseconds: p95 });
    let merge = |books: &mut Books, p95: u64| {
        let nodes = [node("oak", url(1)), Node { service_times: told(p95), ..node("elm", url(2)) }];
        books.directory.merge(0, &nodes, &mut books.model);
    };
    let expected_ms = |books: &Books| {
        let fleet = FleetMean::default().or(Guesses { kibibyte_us: 1.0, service_told_us: 20_000.0 });
        let ask = Ask { now_us: 0, kibibytes: 0.0, fleet, fresh_from: When::at(0), fading_per_us: 1.0 };
        books
            .model
            .endpoints()
            .map(|(_, endpoint)| (endpoint.forecast(&ask).mean_us / 1e3) as u32)
            .collect::<Vec<_>>()
    };
    // Ten are the round trip that is assumed.
    merge(&mut books, 90_000);
    assert_eq!(expected_ms(&books), [30, 100]);
    merge(&mut books, 40_000);
    assert_eq!(expected_ms(&books), [30, 50]);
    for entry in books.directory.entries() {
        books
            .model
            .endpoint_mut(entry.id)
            .expect("it is known")
            .told(0, LoadSeen { service_p95_us: 5_000.0, ..LoadSeen::default() });
    }
    assert_eq!(expected_ms(&books), [15, 15]);
}

#[test]
fn what_a_search_finds_leaves_when_it_finds_it_no_longer() {
    let mut books = Books::new();
    assert!(books.hold(&[1, 2], &[]));
    books.name(1, "oak");
    books.name(2, "elm");
    assert!(!books.hold(&[1, 2], &[]), "found again is no news");
    books.hold(&[2], &[]);
    books.check(&[("elm", 2)]);
}

#[test]
fn what_a_search_finds_stays_at_its_address_whatever_tables_list() {
    let mut books = Books::new();
    books.hold(&[1], &[]);
    books.name(1, "oak");
    for second in [0, 60, 120, 180] {
        books.merge(second, &[("oak", 9), ("elm", 2)]);
        books.check(&[("oak", 1), ("elm", 2)]);
    }
    books.merge(200, &[("elm", 2)]);
    books.check(&[("oak", 1), ("elm", 2)]);
}

#[test]
fn what_is_found_no_longer_and_listed_is_as_any_that_is_listed() {
    let mut books = Books::new();
    books.hold(&[1], &[]);
    books.name(1, "oak");
    books.hold(&[], &[("oak", 9)]);
    books.check(&[("oak", 1)]);
    books.merge(0, &[("oak", 9)]);
    books.check(&[("oak", 9)]);
}

#[test]
fn of_two_addresses_of_one_node_the_older_stays_if_it_answers() {
    let mut books = Books::new();
    books.merge(0, &[("oak", 1)]);
    books.hear();
    books.hold(&[7], &[("oak", 1)]);
    books.name(7, "oak");
    books.check(&[("oak", 1)]);
    assert!(!books.hold(&[7], &[("oak", 1)]), "it leads to a node that answers");
    books.fail();
    assert!(books.hold(&[7], &[("oak", 1)]));
    books.name(7, "oak");
    books.check(&[("oak", 7)]);
}

#[test]
fn a_search_leads_to_nothing_in_the_clear_whom_the_user_told_an_address_inside_tls() {
    let mut books = Books::new();
    let inside = url(1).replace("http:", "https:");
    books.directory.add_given(inside.parse().expect("an address"), &mut books.model);
    assert!(!books.hold(&[2], &[]));
    assert_eq!(books.directory.entries().len(), 1);
}
