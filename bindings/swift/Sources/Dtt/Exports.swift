// Records, enumerations and protocols are what the native library says they are, with their fields and cases: whoever imports `Dtt`
// sees them, also where the compiler wants the module of every member imported (`MemberImportVisibility`). Its free
// functions, `LogListener`, what begins with `Raw`, `FfiConverter` or `uniffi`, and what ends in `Impl` are not for applications.
@_exported import DttGenerated
