//! The README of each Task says what its memory limit leaves and when it ends.

use std::{collections::BTreeSet, fs, path::Path};

fn between<'a>(text: &'a str, before: &str, after: char) -> BTreeSet<&'a str> {
    let parts = text.split(before).skip(1);
    parts.filter_map(|part| part.split(after).next()).collect()
}

#[test]
fn the_readme_of_each_task_names_its_limits() {
    let tasks = Path::new(env!("CARGO_MANIFEST_DIR")).join("tasks");
    let mut count = 0;
    for entry in fs::read_dir(tasks).unwrap() {
        let dir = entry.unwrap().path();
        let name = dir.file_name().unwrap().to_str().unwrap().to_owned();
        let Ok(task) = fs::read_to_string(dir.join(format!("{name}.yaml"))) else {
            continue;
        };
        count += 1;
        let (_, limits) = task.split_once("limits:").expect(&name);
        let limit = between(limits, "memory: ", 'M').into_iter().next().unwrap();
        let readme = fs::read_to_string(dir.join("README.md")).unwrap();
        let found = between(&readme, "memory limit of ", ' ');
        assert_eq!(found, BTreeSet::from([limit]), "{name}");
        let timeout = between(&task, "- --timeout=", '\n');
        let words = timeout.into_iter().map(|value| match value {
            "5m" => "five minutes",
            "10m" => "ten minutes",
            "15m" => "15 minutes",
            "1h" => "an hour",
            other => panic!("{name}: {other}"),
        });
        let readme = readme.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(
                readme.contains(&format!("The Task ends with exit 5 after {word}")),
                "{name}"
            );
        }
    }
    assert!(count > 10, "{count}");
}
