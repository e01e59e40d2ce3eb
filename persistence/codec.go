package persistence

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrCorrupt: stored bytes don't have the form that they must have. The replica
// can't go on with them; the rest of the node can.
var ErrCorrupt = errors.New("corrupt data")

// The form of a log entry: entryFormat, then commands, each a kind, a length and
// a body. Numbers are uvarints; strings and bytes carry their length before them.
// docs/FORMATS.md has the bodies.
const (
	entryFormat   = 1
	commandBatch  = 1
	commandIngest = 2
)

// appendBatch appends b as a command to dst.
func appendBatch(dst []byte, b *Batch) []byte {
	body := make([]byte, 0, b.size())
	body = appendActor(body, b.Actor)
	body = appendVersion(appendVersion(body, b.Version), b.Base)
	body = binary.AppendUvarint(body, uint64(b.NowMs))
	body = appendOptional(body, b.Snapshot)
	body = binary.AppendUvarint(body, uint64(len(b.Records)))
	for _, r := range b.Records {
		body = appendBytes(body, r)
	}
	body = binary.AppendUvarint(body, uint64(len(b.Answers)))
	for i := range b.Answers {
		body = appendBytes(appendBytes(body, b.Answers[i].Request), b.Answers[i].Result)
	}
	body = binary.AppendUvarint(body, uint64(len(b.Wakes)))
	for i := range b.Wakes {
		body = binary.AppendUvarint(appendBytes(body, b.Wakes[i].Key), uint64(b.Wakes[i].AtMs))
	}
	body = binary.AppendUvarint(body, uint64(len(b.Rows)))
	for i := range b.Rows {
		body = appendRow(body, &b.Rows[i])
	}
	return appendBytes(append(dst, commandBatch), body)
}

// appendIngest appends rows as a command to dst.
func appendIngest(dst []byte, nowMs int64, rows []Row, token uint64) []byte {
	body := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(nowMs)), token)
	body = binary.AppendUvarint(body, uint64(len(rows)))
	for i := range rows {
		body = appendRow(appendActor(body, rows[i].Actor), &rows[i])
	}
	return appendBytes(append(dst, commandIngest), body)
}

// appendRow appends all of r but its actor.
func appendRow(dst []byte, r *Row) []byte {
	dst = binary.AppendUvarint(appendBytes(dst, r.Identity), uint64(r.AtMs))
	return appendBytes(dst, r.Data)
}

func appendActor(dst []byte, a Actor) []byte { return appendBytes(appendBytes(dst, a.Kind), a.ID) }

func appendVersion(dst []byte, v Version) []byte {
	for _, n := range [...]uint64{v.Term, v.Activation, v.Number} {
		dst = binary.AppendUvarint(dst, n)
	}
	return dst
}

func appendBytes[T string | []byte](dst []byte, b T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// appendOptional keeps nil apart from empty: the length is one more than that of b.
func appendOptional(dst, b []byte) []byte {
	if b == nil {
		return append(dst, 0)
	}
	return append(binary.AppendUvarint(dst, uint64(len(b))+1), b...)
}

// command is one decoded command of an entry: a batch, or rows if batch is nil.
type command struct {
	batch *Batch
	nowMs int64
	token uint64
	rows  []Row
}

// decodeEntry calls do for each command of an entry's data, which is not empty.
// The commands share data's memory. Errors: ErrCorrupt, and those of do.
func decodeEntry(data []byte, do func(command) error) error {
	d := decoder{rest: data}
	if f := d.byte(); f != entryFormat {
		return fmt.Errorf("%w: log entry of format %d, this version reads %d", ErrCorrupt, f, entryFormat)
	}
	for len(d.rest) > 0 && d.err == nil {
		kind := d.byte()
		c, err := decodeCommand(kind, d.bytes())
		if err = errors.Join(d.err, err); err != nil {
			return err
		}
		if err := do(c); err != nil {
			return err
		}
	}
	return d.err
}

func decodeCommand(kind byte, body []byte) (c command, err error) {
	d := decoder{rest: body}
	switch kind {
	case commandBatch:
		c.batch = d.batch()
	case commandIngest:
		c.nowMs, c.token = int64(d.uvarint()), d.uvarint()
		c.rows = make([]Row, 0, d.count())
		for range cap(c.rows) {
			a := d.actor()
			c.rows = append(c.rows, d.row(a))
		}
	default:
		return c, fmt.Errorf("%w: command of kind %d", ErrCorrupt, kind)
	}
	return c, d.end()
}

// decoder reads from rest; after the first error it returns zeroes.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) batch() *Batch {
	b := &Batch{Actor: d.actor(), Version: d.version(), Base: d.version(), NowMs: int64(d.uvarint())}
	b.Snapshot = d.optional()
	b.Records = make([][]byte, 0, d.count())
	for range cap(b.Records) {
		b.Records = append(b.Records, d.bytes())
	}
	b.Answers = make([]Answer, 0, d.count())
	for range cap(b.Answers) {
		b.Answers = append(b.Answers, Answer{Request: string(d.bytes()), Result: d.bytes()})
	}
	b.Wakes = make([]Wake, 0, d.count())
	for range cap(b.Wakes) {
		b.Wakes = append(b.Wakes, Wake{Actor: b.Actor, Key: string(d.bytes()), AtMs: int64(d.uvarint())})
	}
	b.Rows = make([]Row, 0, d.count())
	for range cap(b.Rows) {
		b.Rows = append(b.Rows, d.row(b.Actor))
	}
	return b
}

func (d *decoder) row(a Actor) Row {
	return Row{Actor: a, Identity: string(d.bytes()), AtMs: int64(d.uvarint()), Data: d.bytes()}
}

func (d *decoder) actor() Actor { return Actor{Kind: string(d.bytes()), ID: string(d.bytes())} }

func (d *decoder) version() Version {
	return Version{Term: d.uvarint(), Activation: d.uvarint(), Number: d.uvarint()}
}

// count returns a number of items, each of which takes a byte at least: more than
// there are bytes is an error and not an allocation.
func (d *decoder) count() int {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) byte() byte {
	b := d.take(1)
	if b == nil {
		return 0
	}
	return b[0]
}

func (d *decoder) bytes() []byte { return d.take(d.uvarint()) }

func (d *decoder) optional() []byte {
	n := d.uvarint()
	if n == 0 {
		return nil
	}
	return d.take(n - 1)
}

// take returns the next n bytes, which stay the data's.
func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.fail()
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = fmt.Errorf("%w: cut short with %d bytes left", ErrCorrupt, len(d.rest))
	}
	d.rest = nil
}

// end returns the error; bytes that are left over are one.
func (d *decoder) end() error {
	if d.err == nil && len(d.rest) > 0 {
		d.err = fmt.Errorf("%w: %d bytes too many", ErrCorrupt, len(d.rest))
	}
	return d.err
}
