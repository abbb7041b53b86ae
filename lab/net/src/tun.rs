//! Opens a TUN device, with the few system calls that Linux needs for it.

use std::{
    fs::{File, OpenOptions},
    os::{fd::AsRawFd, unix::fs::OpenOptionsExt},
};

use anyhow::{Context, Result, ensure};

/// Makes a TUN device in the network namespace of this thread. The holder of the file reads and writes bare IP packets,
/// without blocking. The device is removed when the file is closed.
pub(crate) fn open(name: &str) -> Result<File> {
    let path = "/dev/net/tun";
    let file = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(path);
    let file = file.with_context(|| format!("{path} does not open: is the kernel built with TUN?"))?;
    ensure!(
        name.len() < libc::IFNAMSIZ,
        "{name} is too long for a device, at most {} bytes are possible",
        libc::IFNAMSIZ - 1
    );
    // SAFETY: the type is a plain C structure, and zeros are a valid value of it.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: the descriptor is open, and the kernel reads and writes one ifreq, which lives across the call.
    let status = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &mut request) };
    ensure!(status == 0, "no TUN device {name}: {}", std::io::Error::last_os_error());
    Ok(file)
}
