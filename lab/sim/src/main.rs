//! scratch
#![allow(dead_code)]
mod dht;
mod draw;
mod measure;
mod network;
mod node;
mod peer_policy;
mod policy;
mod queue;
mod scenario;
mod world;
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runs: u64 = arguments[1].parse().unwrap();
    for scenario in scenario::Scenario::all().iter().filter(|s| s.name == arguments[0]) {
        for rules in policy::Rules::ALL.iter().filter(|r| arguments.get(2).is_none_or(|a| a == r.name())) {
            let begin = std::time::Instant::now();
            let o: Vec<_> = (std::env::var("FIRST").map_or(0, |f| f.parse().unwrap())..runs.min(scenario.runs))
                .map(|seed| world::run(scenario, *rules, seed))
                .collect();
            println!("{} {} {:?}", scenario.name, rules.name(), begin.elapsed());
            for o in o {
                println!("   {}", serde_json::to_string(&o).unwrap());
            }
        }
    }
}
