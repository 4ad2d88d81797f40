use std::{collections::HashSet, net::SocketAddr};

use super::{Candidate, LINKS_MAX, choose};

fn fleet(count: u32, sites: u32, own_site: u32) -> Vec<Candidate> {
    (0..count)
        .map(|number| Candidate { address: address(number), is_at_site: number % sites == own_site })
        .collect()
}

fn address(number: u32) -> SocketAddr {
    SocketAddr::from((std::net::Ipv4Addr::from_bits(0x0a00_0000 + number), 8080))
}

#[test]
fn most_are_at_the_own_site_and_some_are_not() {
    let fleet = fleet(100, 4, 1);
    let chosen = choose(7, &fleet);
    assert_eq!(chosen.len(), LINKS_MAX);
    let is_near = |address: &&SocketAddr| fleet.iter().any(|one| one.address == **address && one.is_at_site);
    assert_eq!(chosen.iter().filter(is_near).count(), 12);
}

#[test]
fn a_small_fleet_is_heard_whole() {
    for (count, sites) in [(0, 1), (1, 1), (5, 2), (16, 1), (16, 16)] {
        assert_eq!(choose(3, &fleet(count, sites, 0)).len(), count as usize);
    }
}

#[test]
fn one_that_goes_changes_one_link() {
    let mut fleet = fleet(200, 1, 0);
    let before = choose(9, &fleet);
    fleet.retain(|one| one.address != before[3]);
    let after = choose(9, &fleet);
    assert_eq!(before.iter().filter(|address| after.contains(address)).count(), LINKS_MAX - 1);
}

/// News goes from table to table: in a fleet of a thousand at ten sites everybody hears of everybody within four steps.
#[test]
fn a_thousand_hear_of_each_other_within_four_steps() {
    const COUNT: u32 = 1000;
    let links: Vec<Vec<u32>> = (0..COUNT)
        .map(|own| {
            let chosen = choose(own.into(), &fleet(COUNT, 10, own % 10));
            chosen
                .iter()
                .map(|at| {
                    u32::from_be_bytes(match at.ip() {
                        std::net::IpAddr::V4(ip) => ip.octets(),
                        std::net::IpAddr::V6(_) => unreachable!(),
                    }) - 0x0a00_0000
                })
                .collect()
        })
        .collect();
    for start in [0, 123, 999] {
        let (mut known, mut edge) = (HashSet::from([start]), vec![start]);
        for _ in 0..4 {
            edge = edge
                .iter()
                .flat_map(|at| links[*at as usize].clone())
                .filter(|at| known.insert(*at))
                .collect();
        }
        assert_eq!(known.len(), COUNT as usize);
    }
}
