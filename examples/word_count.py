# Counts the words of all Python files in a folder, with a work for each processor. The folder
# is the first argument; without one it is the standard library of the Python that runs this.
#
#     lightgrid flow examples/word_count.py [FOLDER]

import os
import re
import sys
import sysconfig
from collections import Counter
from pathlib import Path

import lightgrid as L


class WordCounter(L.Work):
    """Counts every n-th file."""

    def __init__(self, files):
        super().__init__(parallel=True)
        self._files = files  # private: goes with the work to its process, but is no state
        self.files_done = 0
        self.words = {}

    def run(self):
        words = Counter()
        for file in self._files:
            text = file.read_text(encoding="utf-8", errors="replace")
            words.update(re.findall(r"[a-z]+", text.lower()))
            self.files_done += 1
        self.words = dict(words)


class Root(L.Flow):
    def __init__(self, folder, worker_count):
        super().__init__()
        files = sorted(path for path in folder.rglob("*.py") if "site-packages" not in path.parts)
        self.file_count = len(files)
        self.tenths_told = 0
        self.counters = L.List(*(WordCounter(files[n::worker_count]) for n in range(worker_count)))

    def run(self):
        for counter in self.counters:
            counter.run()
        done = sum(counter.files_done for counter in self.counters)
        tenths = 10 * done // max(1, self.file_count)
        if tenths > self.tenths_told:
            self.tenths_told = tenths
            print(f"{done} of {self.file_count} files")
        if all(counter.has_succeeded for counter in self.counters):
            self.finish()

    def finish(self):
        total = Counter()
        for counter in self.counters:
            total.update(counter.words)
        print(f"{total.total()} words, {len(total)} of them different; the most frequent:")
        for word, count in total.most_common(20):
            print(f"{count:>9}  {word}")
        self.stop()


folder = Path(sys.argv[1] if len(sys.argv) > 1 else sysconfig.get_path("stdlib"))
if not folder.is_dir():
    sys.exit(f"{folder} is no folder")
app = L.App(Root(folder, worker_count=os.cpu_count() or 1))
