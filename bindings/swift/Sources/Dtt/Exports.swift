// Records, enumerations and protocols are what the native library says they are, with their fields and cases: whoever imports `Dtt`
// sees them, also where the compiler wants the module of every member imported (`MemberImportVisibility`). What begins with `Raw` is
// not for applications.
@_exported import DttGenerated
