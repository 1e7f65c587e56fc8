//! How much memory the control groups that this process is in allow it: those of version 1 and 2, each with all groups
//! above it, as any of them may have the limit.
//!
//! `/proc/self/cgroup` names the group in each hierarchy, and `/proc/self/mountinfo` where hierarchies are mounted and which
//! of their groups is at the top there: in a container often its own group.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A limit, and the file that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Limit {
    /// In bytes.
    pub(super) bytes: u64,
    pub(super) file: PathBuf,
}

/// The files that may hold a limit of a group of version 2. Beyond the second one the kernel slows processes down so much that
/// they stand still, mostly.
const V2_FILES: [&str; 2] = ["memory.max", "memory.high"];
/// The file of version 1.
const V1_FILES: [&str; 1] = ["memory.limit_in_bytes"];

/// The lowest limit there is, if any.
pub(super) fn limit() -> Option<Limit> {
    limit_below(Path::new("/"))
}

/// The lowest limit in the file system that has its root at `root`.
fn limit_below(root: &Path) -> Option<Limit> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let mounts = fs::read_to_string(root.join("proc/self/mountinfo")).ok()?;
    let limits = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, group) = (parts.next()?, parts.next()?);
        let (kind, files) = match controllers {
            "" => ("cgroup2", &V2_FILES[..]),
            _ if controllers.split(',').any(|name| name == "memory") => ("cgroup", &V1_FILES[..]),
            _ => return None,
        };
        let mount = mounts.lines().filter_map(Mount::read).find(|mount| mount.holds(kind))?;
        lowest(root, &mount, group, files)
    });
    limits.min_by_key(|limit| limit.bytes)
}

/// Where a hierarchy is mounted.
struct Mount<'m> {
    /// The group that is at the top there.
    top: &'m str,
    at: &'m str,
    kind: &'m str,
    options: &'m str,
}

impl<'m> Mount<'m> {
    /// `36 35 98:0 /top /at rw,noatime master:1 - cgroup cgroup rw,memory`
    fn read(line: &'m str) -> Option<Self> {
        let (before, behind) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(3);
        let mut behind = behind.split(' ');
        Some(Self { top: before.next()?, at: before.next()?, kind: behind.next()?, options: behind.nth(1)? })
    }

    /// Whether limits of memory are in this hierarchy.
    fn holds(&self, kind: &str) -> bool {
        self.kind == kind && (kind == "cgroup2" || self.options.split(',').any(|option| option == "memory"))
    }
}

/// The lowest limit of `group` and those above it, as far as they can be seen.
fn lowest(root: &Path, mount: &Mount<'_>, group: &str, files: &[&str]) -> Option<Limit> {
    let below = group.strip_prefix(mount.top).unwrap_or(group).trim_matches('/');
    let top = Path::new(mount.at);
    let dirs = Path::new(below).ancestors().map(|below| top.join(below));
    let all = dirs.flat_map(|dir| files.iter().map(move |file| dir.join(file)));
    let limits = all.filter_map(|file| {
        let text = fs::read_to_string(root.join(file.strip_prefix("/").ok()?)).ok()?;
        // Without a limit there is a word, or a number beyond all memory.
        Some(Limit { bytes: text.trim().parse().ok()?, file })
    });
    limits.min_by_key(|limit| limit.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file system with these files.
    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn found(files: &[(&str, &str)]) -> Option<(u64, String)> {
        limit_below(machine(files).path()).map(|limit| (limit.bytes, limit.file.display().to_string()))
    }

    const V2: &str = "35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
    const V1: &str = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
                      36 31 0:33 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n";

    #[test]
    fn a_limit_of_any_group_above_counts_in_version_2() {
        let slice = "sys/fs/cgroup/system.slice";
        let files = [
            ("proc/self/cgroup", "0::/system.slice/vctsdb.service\n"),
            ("proc/self/mountinfo", V2),
            (&*format!("{slice}/vctsdb.service/memory.max"), "max\n"),
            (&*format!("{slice}/memory.max"), "209715200\n"),
        ];
        assert_eq!(found(&files), Some((200 << 20, format!("/{slice}/memory.max"))));
        let file = format!("{slice}/vctsdb.service/memory.high");
        let high = [&files[..], &[(&*file, "104857600\n")]].concat();
        assert_eq!(found(&high), Some((100 << 20, format!("/{slice}/vctsdb.service/memory.high"))));
    }

    #[test]
    fn a_limit_of_any_group_above_counts_in_version_1() {
        let files = [
            ("proc/self/cgroup", "4:memory:/a/b\n1:cpu:/\n0::/\n"),
            ("proc/self/mountinfo", V1),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "134217728\n"),
            ("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "268435456\n"),
            ("sys/fs/cgroup/cpu/memory.limit_in_bytes", "1\n"),
        ];
        assert_eq!(found(&files), Some((128 << 20, "/sys/fs/cgroup/memory/a/memory.limit_in_bytes".to_owned())));
    }

    #[test]
    fn in_a_container_the_group_itself_is_at_the_top() {
        let mount = "35 31 0:32 /docker/0123 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let files = [
            ("proc/self/cgroup", "4:memory:/docker/0123\n"),
            ("proc/self/mountinfo", mount),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n"),
        ];
        assert_eq!(found(&files), Some((1 << 30, "/sys/fs/cgroup/memory/memory.limit_in_bytes".to_owned())));
    }

    #[test]
    fn a_machine_without_groups_has_no_limit() {
        assert_eq!(found(&[]), None);
        assert_eq!(found(&[("proc/self/cgroup", "0::/\n"), ("proc/self/mountinfo", V2)]), None);
    }
}
