//! Memory use of a process while a test runs.

/// Memory of a process, as Linux counts it: the resident size, and its peak since [`Memory::of`].
pub(crate) struct Memory {
    pid: u32,
    pub(crate) before_kib: u64,
}

impl Memory {
    pub(crate) fn of(pid: u32) -> Memory {
        // 5 resets the peak to the current resident size.
        std::fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("Linux, and a child process");
        Memory { pid, before_kib: kib(pid, "VmRSS:") }
    }

    pub(crate) fn growth_kib(&self) -> u64 {
        kib(self.pid, "VmHWM:").saturating_sub(self.before_kib)
    }
}

fn kib(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the kernel counts it");
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
