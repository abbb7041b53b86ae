//! The fixed numbers that every call ends with.

use std::ffi::{CStr, c_char};

use dtt_core::ErrorKind;

/// How a call ended. The numbers never change their meaning and are never reused; new ones may come, so treat an
/// unknown number as a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum dtt_status_t {
    /// It worked.
    DTT_OK = 0,
    /// An argument or option is outside its limits. The message names it, the limit and the value.
    DTT_INVALID_ARGUMENT = 1,
    /// A payload is larger than one message can carry.
    DTT_TOO_LARGE = 2,
    /// The node, the topic or the event queue is closed.
    DTT_CLOSED = 3,
    /// The time allowed for the call is over.
    DTT_TIMEOUT = 4,
    /// A socket could not be opened, or the node's endpoint could not start.
    DTT_BIND = 5,
    /// The DHT could not be reached, or nobody stored the record.
    DTT_DHT = 6,
    /// The gossip layer refused or ended.
    DTT_GOSSIP = 7,
    /// A record is malformed, foreign, stale, or not signed or sealed as it must be.
    DTT_RECORD = 8,
    /// A defect of this library. Please report it.
    DTT_INTERNAL = 9,
    /// The library panicked; the message is the panic's text. Nothing else is affected. Please report it.
    DTT_PANIC = 100,
    /// This process was forked from one that used the library. The child cannot use the parent's handles or threads;
    /// start the library in the child only if the parent never did, or use exec.
    DTT_FORKED = 101,
    /// Nothing is there now. Not an error: dtt_events_try_recv says so when no event waits.
    DTT_EMPTY = 102,
    /// A pointer is NULL that must not be.
    DTT_NULL = 103,
    /// A length is not the one that is needed, or more than memory can hold.
    DTT_BAD_LENGTH = 104,
    /// A text is not UTF-8.
    DTT_BAD_UTF8 = 105,
    /// A pointer is no handle of the type that is asked for, but another type's, or something else. What was freed must not
    /// be used at all: its memory may be anything by now, and nothing can tell for sure.
    DTT_BAD_HANDLE = 106,
    /// A number stands for none of the choices of its option.
    DTT_UNKNOWN_OPTION = 107,
    /// The event queue has a callback; it cannot be read, or given a callback, as well.
    DTT_BUSY = 108,
    /// The system refused: out of descriptors, of threads, or of memory for them.
    DTT_SYSTEM = 109,
}

use dtt_status_t::*;

/// Every status with its name.
const NAMES: [(dtt_status_t, &CStr); 20] = [
    (DTT_OK, c"OK"),
    (DTT_INVALID_ARGUMENT, c"INVALID_ARGUMENT"),
    (DTT_TOO_LARGE, c"TOO_LARGE"),
    (DTT_CLOSED, c"CLOSED"),
    (DTT_TIMEOUT, c"TIMEOUT"),
    (DTT_BIND, c"BIND"),
    (DTT_DHT, c"DHT"),
    (DTT_GOSSIP, c"GOSSIP"),
    (DTT_RECORD, c"RECORD"),
    (DTT_INTERNAL, c"INTERNAL"),
    (DTT_PANIC, c"PANIC"),
    (DTT_FORKED, c"FORKED"),
    (DTT_EMPTY, c"EMPTY"),
    (DTT_NULL, c"NULL"),
    (DTT_BAD_LENGTH, c"BAD_LENGTH"),
    (DTT_BAD_UTF8, c"BAD_UTF8"),
    (DTT_BAD_HANDLE, c"BAD_HANDLE"),
    (DTT_UNKNOWN_OPTION, c"UNKNOWN_OPTION"),
    (DTT_BUSY, c"BUSY"),
    (DTT_SYSTEM, c"SYSTEM"),
];

impl From<ErrorKind> for dtt_status_t {
    fn from(kind: ErrorKind) -> Self {
        let same = |(status, _): &&(dtt_status_t, &CStr)| *status as i64 == i64::from(kind.code());
        NAMES.iter().find(same).map_or(DTT_INTERNAL, |(status, _)| *status)
    }
}

/// The fixed name of a status, "CLOSED" for example; "UNKNOWN" for a number that is none. The text is static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn dtt_status_name(status: i32) -> *const c_char {
    NAMES.iter().find(|(known, _)| *known as i32 == status).map_or(c"UNKNOWN", |(_, name)| name).as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_the_engine_has_its_number_and_name() {
        for kind in ErrorKind::ALL {
            let status = dtt_status_t::from(kind);
            assert_eq!(status as i32, i32::from(kind.code()));
            let (_, name) = NAMES.iter().find(|(known, _)| *known == status).unwrap();
            assert_eq!(name.to_str().unwrap(), kind.name());
        }
    }
}
