//! A memory cgroup of our own, of version 1 or 2.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::Fallible;

/// Where version 1 has its groups of the memory controller, and version 2 all of them.
const V1: &str = "/sys/fs/cgroup/memory";
const V2: &str = "/sys/fs/cgroup";

/// A group with a limit, removed when dropped. Its processes must have ended by then.
pub(crate) struct Group {
    dir: PathBuf,
    is_v2: bool,
}

impl Group {
    /// A group whose processes together may have `limit` bytes, swapped ones included.
    pub(crate) fn new(limit: u64) -> Fallible<Self> {
        let is_v2 = !Path::new(V1).join("memory.limit_in_bytes").exists();
        let root = Path::new(if is_v2 { V2 } else { V1 });
        if is_v2 {
            let controllers = fs::read_to_string(root.join("cgroup.controllers"))?;
            if !controllers.split_whitespace().any(|name| name == "memory") {
                return Err("there is no memory controller".into());
            }
            fs::write(root.join("cgroup.subtree_control"), "+memory")?;
        }
        let group = Self { dir: root.join(format!("vctsdb-memory-{}-{}", std::process::id(), limit >> 20)), is_v2 };
        fs::create_dir(&group.dir)?;
        let set = |file: &str, value: u64| fs::write(group.dir.join(file), value.to_string());
        if is_v2 {
            set("memory.max", limit)?;
            // Not there without swap.
            let _ = set("memory.swap.max", 0);
        } else {
            set("memory.limit_in_bytes", limit)?;
            let _ = set("memory.memsw.limit_in_bytes", limit);
        }
        Ok(group)
    }

    /// Where a process writes its id to join.
    pub(crate) fn joins_at(&self) -> PathBuf {
        self.dir.join("cgroup.procs")
    }

    /// How many processes of the group the kernel has killed for want of memory.
    pub(crate) fn kills(&self) -> Fallible<u64> {
        let text = fs::read_to_string(self.dir.join(if self.is_v2 { "memory.events" } else { "memory.oom_control" }))?;
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        Ok(count.ok_or("the kernel counts no kills")?.trim().parse()?)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A group is busy until its last process is reaped.
        for _ in 0..100 {
            if fs::remove_dir(&self.dir).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}
