package main

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows on stderr how far long work is: a bar on a terminal, elsewhere
// a line for every tenth, nothing with --quiet. It may be used by several
// goroutines.
type progress struct {
	bar *progressbar.ProgressBar // on a terminal

	mu    sync.Mutex
	out   io.Writer // elsewhere; nil for nothing
	what  string
	done  int
	total int
}

// progress begins to show work of total steps. Call Close when it is over.
func (a *app) progress(what string, total int) *progress {
	p := &progress{what: what, total: total}
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
	const parts = 10
	before := p.done * parts / max(p.total, 1)
	p.done += n
	if now := p.done * parts / max(p.total, 1); p.out != nil && now > before {
		fmt.Fprintf(p.out, "%s: %d of %d\n", p.what, p.done, p.total)
	}
}

// Close removes the bar.
func (p *progress) Close() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
