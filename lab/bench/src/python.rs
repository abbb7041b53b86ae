//! The cost of importing the Python package, the size of its wheel, and the command that starts its receiver.

use std::{path::Path, process::Command, time::Instant};

use anyhow::{Context, Result, ensure};

/// The interpreter of the environment that `tools/test-python` and `make bench` make.
pub(crate) const INTERPRETER: &str = "target/python/venv/bin/python";

/// The interpreter, with the package that `tools/python-wheel` unpacked. That is the optimized one, which users get.
fn python() -> Command {
    let mut command = Command::new(INTERPRETER);
    command.env("PYTHONPATH", "target/python/unpacked");
    command
}

/// The receiver of [`crate::receivers`].
pub(crate) fn receiver() -> Command {
    let mut command = python();
    command.arg("lab/bench/receive.py");
    command
}

/// How many milliseconds longer an interpreter takes with `import dtt`, in each of `runs` runs, and how long an empty
/// one takes. Other processes distort such figures. So the output also shows the shortest time and the processor time,
/// and the times for importing every name.
pub(crate) fn imports(runs: u32) -> Result<(Vec<f64>, Vec<f64>)> {
    // The engine is loaded when a name is first used, so the import alone would show too little.
    const PROGRAMS: [&str; 4] = ["pass", "import dtt; dtt.Node", "import dtt", "from dtt import *"];
    for code in PROGRAMS {
        interpreter(code)?;
    }
    let mut taken: [Vec<[f64; 2]>; 4] = Default::default();
    for _ in 0..runs {
        for (code, taken) in PROGRAMS.iter().zip(&mut taken) {
            taken.push(interpreter(code)?);
        }
    }
    for (code, taken) in PROGRAMS.iter().zip(&taken) {
        let [(shortest, median), (least, processor)] = [0, 1].map(|figure| {
            let mut sorted: Vec<f64> = taken.iter().map(|run| run[figure]).collect();
            sorted.sort_by(f64::total_cmp);
            (sorted[0], sorted[sorted.len() / 2])
        });
        eprintln!(
            "  {code}: {shortest:.1} ms at least, {median:.1} median; processor time {least:.1}, {processor:.1} (all of the interpreter)"
        );
    }
    let [empty, import, ..] = taken;
    Ok((import.iter().zip(&empty).map(|(a, b)| a[0] - b[0]).collect(), empty.iter().map(|run| run[0]).collect()))
}

/// Milliseconds that an interpreter takes for a program: by the clock, and of the processor.
fn interpreter(code: &str) -> Result<[f64; 2]> {
    let processor = || {
        // SAFETY: the structure is plain data, and the call fills it.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage);
            usage
        };
        [usage.ru_utime, usage.ru_stime]
            .iter()
            .map(|time| time.tv_sec as f64 * 1e3 + time.tv_usec as f64 / 1e3)
            .sum::<f64>()
    };
    let (start, before) = (Instant::now(), processor());
    ensure!(python().args(["-c", code]).status()?.success(), "python -c {code:?} fails");
    Ok([start.elapsed().as_secs_f64() * 1e3, processor() - before])
}

/// The size of the wheel that `make wheel` built, in MiB.
pub(crate) fn wheel_mib() -> Result<f64> {
    let folder = Path::new("target/python/wheels");
    let wheel = std::fs::read_dir(folder).context("no wheel is built: make wheel")?.next().context("no wheel")??;
    Ok(wheel.metadata()?.len() as f64 / f64::from(1 << 20))
}
