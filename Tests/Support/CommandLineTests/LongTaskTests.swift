import Testing

@testable import CommandLine

/// How far a long task is, in words.
@Suite struct LongTaskTests {
  private static func seeds(_ done: Int) -> LongTask {
    var task = LongTask("seeds", of: 10_000)
    task.done = done
    return task
  }

  private static func step(_ text: String) -> LongTask {
    var task = LongTask("", of: 0, usual: .seconds(10))
    task.step = text
    return task
  }

  private static let copying: LongTask = {
    var task = LongTask("MB", of: 40)
    (task.done, task.step, task.share) = (20, "copying", 0.5...1)
    return task
  }()

  private static let checking: LongTask = {
    var task = LongTask("rows", of: 0)
    (task.step, task.share) = ("checking", 0.25...0.5)
    return task
  }()

  @Test(arguments: [
    (
      seeds(2_500), 10, 100,
      "[#######.......................]  25 %  about 30 s left  2,500/10,000 seeds"
    ),
    (seeds(2_500), 10, 60, "[###...........]  25 %  about 30 s left  2,500/10,000 seeds"),
    (seeds(2_500), 10, 45, "[####...............]  25 %  about 30 s left"),
    (seeds(2_500), 10, 20, "[##.........]  25 %"), (seeds(2_500), 10, 8, "25 %"),
    (seeds(2_500), 10, 3, ""),
    // Nothing is done: there is nothing to tell the rest from.
    (seeds(0), 10, 60, "[..............................]  0 %  0/10,000 seeds"),
    (seeds(10_000), 10, 60, "[#############################]  100 %  10,000/10,000 seeds"),
    (
      step("step 2 of 5"), 4, 80,
      "[############..................]  40 %  about 6 s left  step 2 of 5"
    ),
    // Longer than usual, and not over.
    (step("step 5 of 5"), 25, 80, "[#############################.]  99 %  step 5 of 5"),
    (copying, 3, 80, "[######################........]  75 %  about 1 s left  20/40 MB  copying"),
    (checking, 3, 80, "[#######.......................]  25 %  about 9 s left  checking"),
    (LongTask("leaving out faults", of: 0), 3, 80, "leaving out faults, 3 s so far"),
    (LongTask("leaving out faults", of: 0), 3, 12, "leaving out"),
  ])
  func `a bar leaves out what does not fit`(
    _ task: LongTask, _ seconds: Int, _ columns: Int, _ bar: String
  ) {
    #expect(task.bar(after: .seconds(seconds), columns: columns) == bar)
  }

  @Test func `a bar is never as wide as its terminal`() {
    for task in [Self.seeds(9_999), Self.step("step 2 of 5"), Self.copying, Self.checking] {
      for columns in 0...120 {
        let bar = task.bar(after: .seconds(7), columns: columns)
        #expect(bar.count < max(1, columns), "\(columns) columns: \(bar)")
      }
    }
  }

  @Test(arguments: [
    (seeds(2_500), 10, "2,500 of 10,000 seeds, 25 %, 10 s so far, about 30 s left"),
    (seeds(0), 30, "0 of 10,000 seeds, 0 %, 30 s so far"),
    (step("step 2 of 5"), 4, "40 %, step 2 of 5, 4 s so far, about 6 s left"),
    (copying, 3, "20 of 40 MB, 75 %, copying, 3 s so far, about 1 s left"),
    (LongTask("leaving out faults", of: 0), 70, "leaving out faults, 1 min so far"),
  ])
  func `a line says the same in a file`(_ task: LongTask, _ seconds: Int, _ line: String) {
    #expect(task.line(after: .seconds(seconds)) == line)
  }

  @Test(arguments: [
    (0.2, "1 s"), (59, "59 s"), (60, "1 min"), (89, "1 min"), (91, "2 min"), (3_599, "60 min"),
    (3_600, "1 h 0 min"), (9_000, "2 h 30 min"),
  ])
  func `times are as exact as an estimate`(_ seconds: Double, _ words: String) {
    #expect(LongTask.words(.seconds(seconds)) == words)
  }

  @Test(arguments: [
    (true, [2, 2.1, 2.2, 2.3]), (false, [10, 30, 70, 130, 190, 250] as [Double]),
  ])
  func `nothing is told before two seconds, and in a file ever less often`(
    _ isTerminal: Bool, _ expected: [Double]
  ) {
    var pace = ProgressPace(isTerminal: isTerminal)
    var told: [Double] = []
    // Looks every hundredth of a second, which on a terminal are more than it gets.
    for look in 0... {
      let elapsed = Duration.milliseconds(look * 10)
      if pace.isDue(after: elapsed) { told.append(elapsed / .seconds(1)) }
      if told.count == expected.count { break }
    }
    #expect(told == expected)
  }
}
