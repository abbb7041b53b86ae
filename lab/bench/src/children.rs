//! Child processes of this program.

use std::process::Command;

use anyhow::Result;
use dtt_lab_hosts::Process;

/// This program with other arguments. The two processes exchange lines.
pub(crate) fn start(arguments: &[&str]) -> Result<Process> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments);
    Process::start(command, arguments.join(" "))
}
