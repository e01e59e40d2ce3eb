package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// linePause lies between two lines of progress where there is no terminal: rare
// enough for a log of CI, often enough to see that work goes on.
const linePause = 10 * time.Second

// progress shows on stderr how far long work is: a bar on a terminal, elsewhere
// a line now and then, nothing with --quiet. It may be used by several
// goroutines.
type progress struct {
	bar *progressbar.ProgressBar // on a terminal

	mu    sync.Mutex
	out   io.Writer // elsewhere; nil for nothing
	what  string
	done  int
	total int
	shown time.Time // of the last line
}

// progress begins to show work of total steps. Call Close when it is over.
func (a *app) progress(what string, total int) *progress {
	p := &progress{what: what, total: total, shown: time.Now()}
	switch {
	case a.quiet:
	case isTerminal(a.stderr):
		p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(a.stderr), progressbar.OptionSetDescription(what),
			progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())
	default:
		p.out = a.stderr
	}
	return p
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Add counts n more steps as done. A display that fails is no reason to stop the
// work, so its errors are dropped.
func (p *progress) Add(n int) {
	if p.bar != nil {
		_ = p.bar.Add(n)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	if now := time.Now(); p.out != nil && now.Sub(p.shown) >= linePause {
		fmt.Fprintf(p.out, "%s: %d of %d\n", p.what, p.done, p.total)
		p.shown = now
	}
}

// Close removes the bar.
func (p *progress) Close() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
