//! The memory limit and the memory use of this process (cgroups 1 and 2, `proc(5)`).

use std::{fs, path::Path};

use super::Size;

/// The part of a cgroup's memory outside of the counted heap: code, stacks, C libraries.
const RESERVE: usize = 64 << 20;
/// The budget when no cgroup limits the memory.
const DEFAULT: usize = 1 << 30;
/// How far resident memory may exceed the budget before the run ends.
pub(super) const SLACK: usize = 12 << 20;
/// The unit of `statm`. On kernels with larger pages a run only ends later.
const PAGE: usize = 4096;

/// Returns the budget of a run without `--memory`: the memory limit of the cgroup less 64 MiB, else 1 GiB.
pub(crate) fn default_limit() -> Size {
    let read = |path: &Path| fs::read_to_string(path).ok();
    Size::of(of_cgroup(&read).unwrap_or(DEFAULT))
}

/// Returns the budget that the cgroup allows. In a container the cgroup is mounted as the root; on a
/// machine the process's own group is below it, and any ancestor may have the lower limit.
fn of_cgroup(read: &dyn Fn(&Path) -> Option<String>) -> Option<usize> {
    let own = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let mut limits = Vec::new();
    for line in own.lines().chain(["0::/", "0:memory:/"]) {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (parts.next(), parts.next()) else {
            continue;
        };
        let (root, file) = if controllers.is_empty() {
            (Path::new("/sys/fs/cgroup"), "memory.max")
        } else if controllers.split(',').any(|name| name == "memory") {
            (Path::new("/sys/fs/cgroup/memory"), "memory.limit_in_bytes")
        } else {
            continue;
        };
        let group = group.trim_start_matches('/');
        let below = Path::new(group).ancestors();
        limits.extend(below.filter_map(|group| read(&root.join(group).join(file))));
    }
    let numbers = limits
        .iter()
        .filter_map(|text| text.trim().parse::<u64>().ok());
    // Version 1 writes a huge number for "no limit".
    let least = numbers
        .filter(|limit| *limit > 0 && *limit < 1 << 50)
        .min()?;
    let least = usize::try_from(least).ok()?;
    Some(least.saturating_sub(RESERVE).max(least / 2))
}

/// Returns the resident memory except mapped files, in bytes; `None` where the system does not report it.
pub(super) fn resident() -> Option<usize> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = text.split(' ').skip(1).map_while(|word| word.parse().ok());
    let (resident, shared): (usize, usize) = (pages.next()?, pages.next()?);
    Some(resident.saturating_sub(shared).saturating_mul(PAGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(files: &[(&str, &str)]) -> Option<usize> {
        let read = |path: &Path| {
            let found = files.iter().find(|(name, _)| Path::new(name) == path);
            found.map(|(_, text)| (*text).to_owned())
        };
        of_cgroup(&read)
    }

    #[test]
    fn the_cgroup_decides_with_something_left_for_the_rest() {
        const MIB: usize = 1 << 20;
        let root = "/sys/fs/cgroup/memory.max";
        assert_eq!(limit(&[]), None);
        assert_eq!(limit(&[(root, "max\n")]), None);
        assert_eq!(limit(&[(root, "536870912\n")]), Some(448 * MIB));
        assert_eq!(limit(&[(root, "67108864\n")]), Some(32 * MIB));
        let first = "/sys/fs/cgroup/memory/memory.limit_in_bytes";
        assert_eq!(limit(&[(first, "9223372036854771712")]), None);
        assert_eq!(limit(&[(first, "268435456")]), Some(192 * MIB));
    }

    #[test]
    fn a_group_above_may_be_narrower() {
        let own = ("/proc/self/cgroup", "0::/user.slice/app.scope\n");
        let files = [
            own,
            ("/sys/fs/cgroup/user.slice/app.scope/memory.max", "max"),
            ("/sys/fs/cgroup/user.slice/memory.max", "536870912"),
        ];
        assert_eq!(limit(&files), Some(448 << 20));
    }

    #[test]
    fn this_process_is_resident() {
        assert!(resident().is_none_or(|bytes| bytes > 1 << 16));
    }
}
