import DttGenerated
import Foundation

/// A call of this library failed.
public struct DttError: Error, LocalizedError, CustomStringConvertible, Hashable, Sendable {
    /// What went wrong. Its number never changes its meaning.
    public let kind: ErrorKind
    /// What went wrong, in words that name the argument, the limit and the value.
    public let message: String

    /// The number of ``kind``, the same in every language.
    public var code: Int { Int(kind.rawValue) }
    public var errorDescription: String? { message }
    public var description: String { "DttError(\(errorKindName(kind: kind))): \(message)" }
}

/// Runs a call of the native library that does not wait, with its errors as applications see them.
func native<T>(_ call: () throws -> T) throws -> T {
    do {
        return try call()
    } catch {
        throw readable(error)
    }
}

/// Runs a call that waits. The task's cancellation ends it.
func native<T: Sendable>(
    isolation: isolated (any Actor)? = #isolation,
    _ call: @Sendable (RawCancel) async throws -> T
) async throws -> T {
    let cancel = RawCancel()
    do {
        return try await withTaskCancellationHandler {
            try await call(cancel)
        } onCancel: {
            cancel.cancel()
        }
    } catch {
        throw readable(error)
    }
}

private func readable(_ error: any Error) -> any Error {
    switch error as? RawError {
    case .Failed(let kind, let reason): DttError(kind: kind, message: reason)
    case .Cancelled: CancellationError()
    // A panic, as the generated code reports it.
    case nil: DttError(kind: .internal, message: "the library panicked: \(error.localizedDescription)")
    }
}
