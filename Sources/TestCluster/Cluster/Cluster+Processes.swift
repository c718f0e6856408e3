import Glibc
import Linux
import Subprocess
import SystemPackage

extension Cluster {
  /// Supervises all processes that are launched, until the last one has ended.
  package nonisolated func supervise(_ launches: AsyncStream<ProcessName>) async {
    await withDiscardingTaskGroup { group in
      for await name in launches {
        group.addTask { await self.supervise(name) }
      }
    }
  }

  /// Runs one process, again and again, as long as it is wanted.
  package func supervise(_ name: ProcessName) async {
    var backoff = RestartBackoff()
    while let process = self.processes[name], process.isWanted, !Task.isCancelled {
      let started = ContinuousClock.now
      let end = await self.runOnce(process)
      self.processes[name]?.identity = nil
      self.processes[name]?.isPaused = false
      self.recordChange()
      guard self.processes[name]?.isWanted == true, !Task.isCancelled else { break }
      let delay = backoff.delay(afterRunningFor: ContinuousClock.now - started)
      self.note(
        "\(name) \(end); it is restarted in \(delay.inSeconds(decimals: 1)) s", on: name.node)
      _ = await Self.wait(upTo: delay) { self.processes[name]?.isWanted != true }
      self.processes[name]?.restarts += 1
    }
    self.processes[name]?.isSupervised = false
  }

  /// - Returns: how it ended, in words.
  private func runOnce(_ process: ManagedProcess) async -> String {
    do {
      let log = try FileDescriptor.open(
        process.log, .writeOnly, options: [.append, .create, .closeOnExec],
        permissions: [.ownerReadWrite, .groupRead, .otherRead])
      var options = PlatformOptions()
      // A group of its own: a ctrl-C in the terminal is for us alone.
      options.processGroupID = 0
      // Only for a cancelled task; takeDown() ends processes in order.
      options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(3))]
      let outcome = try await Subprocess.run(
        process.executable.contains("/")
          ? .path(FilePath(process.executable)) : .name(process.executable),
        arguments: Arguments(process.arguments),
        environment: .inherit.updating(
          Dictionary(
            uniqueKeysWithValues: process.environment.map {
              (Environment.Key(stringLiteral: $0.key), $0.value)
            })),
        platformOptions: options, input: .none,
        output: .fileDescriptor(log, closeAfterSpawningProcess: true), error: .combinedWithOutput
      ) { execution in
        self.hasStarted(process.name, pid: execution.processIdentifier.value)
      }
      switch outcome.terminationStatus {
      case .exited(let code): return "ended with exit code \(code)"
      case .signaled(let number): return "ended by signal \(number)"
      }
    } catch {
      return "could not be started: \(error)"
    }
  }

  private func hasStarted(_ name: ProcessName, pid: Int32) {
    let identity = ProcessIdentity(pid: pid)
    self.processes[name]?.identity = identity
    if let identity { self.started.append(identity) }
    self.recordChange()
    // It may have become unwanted while it started.
    if self.processes[name]?.isWanted != true { identity?.signal(SIGKILL) }
  }

  /// Starts a process and supervises it.
  package func launch(_ name: ProcessName) async throws {
    let isFree = await Self.wait(upTo: .seconds(10)) {
      self.processes[name]?.isSupervised == false
    }
    guard isFree else { throw ClusterError.interrupted("starting \(name)") }
    self.processes[name]?.isWanted = true
    self.processes[name]?.isSupervised = true
    self.processes[name]?.restarts = 0
    self.launches.yield(name)
  }

  /// Ends processes for good: with a signal, and with `SIGKILL` when they do not end in time.
  package func end(
    _ names: [ProcessName], by signal: Int32 = SIGTERM, within limit: Duration
  ) async {
    for name in names {
      self.processes[name]?.isWanted = false
      self.processes[name]?.identity?.signal(signal)
      // A paused process would keep the signal for later.
      self.processes[name]?.identity?.signal(SIGCONT)
    }
    if await self.haveEnded(names, within: limit) { return }
    for name in names where self.processes[name]?.identity != nil {
      self.note(
        "\(name) did not end within \(limit.inSeconds()) s, so it is killed", on: name.node)
      self.processes[name]?.identity?.signal(SIGKILL)
    }
    _ = await self.haveEnded(names, within: .seconds(5))
  }

  private func haveEnded(_ names: [ProcessName], within limit: Duration) async -> Bool {
    await Self.wait(upTo: limit) {
      names.allSatisfy { self.processes[$0]?.isSupervised != true }
    }
  }
}
