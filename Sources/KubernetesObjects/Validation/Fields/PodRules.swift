/// What decides which rules a pod must keep besides its own fields.
package struct PodRules: Equatable, Sendable {
  /// The release of the rules, as the minor version of 1.x.
  package var release: Int
  /// Whether containers may be privileged.
  package var allowsPrivileged: Bool
  /// Whether the pod comes from a file.
  package var isStatic: Bool

  /// The release whose rules hold where none is asked for: the newest one that was compared.
  package static let usualRelease = 32
  /// The newest release whose rules are known: for pods that an API server has checked already.
  package static let newestRelease = 36

  package init(release: Int?, allowsPrivileged: Bool = true, isStatic: Bool = false) {
    self.release = release ?? Self.usualRelease
    self.allowsPrivileged = allowsPrivileged
    self.isStatic = isStatic
  }

  /// The first release of a rule that was changed. Between 1.26 and 1.32, the releases that were compared,
  /// these follow Kubernetes' notes on changes.
  private func isSince(_ minor: Int) -> Bool { self.release >= minor }

  /// Each container may have a restart policy of its own.
  package var restartsContainers: Bool { self.isSince(35) }
  /// Names of variables may hold any printable character but `=`.
  package var relaxesVariableNames: Bool { self.isSince(34) }
  /// Search domains may hold underscores, and may be a single dot.
  package var relaxesSearchDomains: Bool { self.isSince(33) }
  /// A `preStop` hook may sleep for no time at all.
  package var allowsSleepOfZero: Bool { self.isSince(33) }
  /// The values of a required node affinity are those of labels.
  package var checksNodeAffinityValues: Bool { self.isSince(33) }
  package var allowsResizeOfSidecars: Bool { self.isSince(33) }
  /// Errors of host aliases name the alias.
  package var numbersHostAliases: Bool { self.isSince(31) }
  /// Only a pod with users of its own may see an unmasked `/proc`.
  package var protectsProc: Bool { self.isSince(30) }
  package var checksTokenPath: Bool { self.isSince(30) }
  /// Sysctls of a namespace that the pod shares with the host are refused.
  package var checksHostSysctls: Bool { self.isSince(29) }
  package var knowsHostAddresses: Bool { self.isSince(29) }
  /// Init containers with `restartPolicy: Always` run beside the others.
  package var knowsSidecars: Bool { self.isSince(28) }
  /// On the host's network, the error is that of the host's port, not of the container's.
  package var blamesHostPort: Bool { self.isSince(28) }
  package var checksSpreadSelectors: Bool { self.isSince(27) }
  package var refusesStaticClaims: Bool { self.isStatic && self.isSince(32) }
  /// Static pods may not use objects of an API server.
  package var refusesStaticReferences: Bool { self.isStatic && self.isSince(34) }
}
