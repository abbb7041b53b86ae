extension Duration {
    /// Whole milliseconds, as the native library takes them; what is negative is none, what is endless the most.
    var wireMillis: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1000)
        return overflow ? .max : whole + UInt64(attoseconds / 1_000_000_000_000_000)
    }
}
