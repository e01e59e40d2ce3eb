package sim

import (
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"strings"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/span"
)

// tape keeps the story of a world: its hash always, its text where somebody reads it.
type tape struct {
	hash  hash.Hash64
	text  io.Writer // nil for none
	start span.Time
	bytes []byte
}

func newTape(text io.Writer, start span.Time) *tape {
	return &tape{hash: fnv.New64a(), text: text, start: start}
}

// message notes a delivery.
func (t *tape) message(now span.Time, from, to actors.Address, m proto.Message) {
	t.bytes = fmt.Appendf(t.bytes[:0], "%d %v %v %s", now, from, to, m.ProtoReflect().Descriptor().Name())
	t.bytes, _ = proto.MarshalOptions{Deterministic: true}.MarshalAppend(t.bytes, m) // every string is UTF-8
	t.hash.Write(t.bytes)
	if t.text != nil {
		fmt.Fprintf(t.text, "%s  %v -> %v  %s\n", t.at(now), from, to, brief(m))
	}
}

// note puts down something else that happened.
func (t *tape) note(now span.Time, format string, args ...any) {
	t.bytes = fmt.Appendf(t.bytes[:0], "%d ", now)
	t.bytes = fmt.Appendf(t.bytes, format, args...)
	t.hash.Write(t.bytes)
	if t.text != nil {
		fmt.Fprintf(t.text, "%s  * %s\n", t.at(now), fmt.Sprintf(format, args...))
	}
}

// at is the time since the world began, h:mm:ss.mmm.
func (t *tape) at(now span.Time) string {
	ms := int64(now.Sub(t.start))
	return fmt.Sprintf("%d:%02d:%02d.%03d", ms/3_600_000, ms/60_000%60, ms/1000%60, ms%1000)
}

// briefBytes of a message's fields are printed: the names come first.
const briefBytes = 200

// brief is a message on one line.
func brief(m proto.Message) string {
	fields := strings.Join(strings.Fields(prototext.MarshalOptions{}.Format(m)), " ")
	if len(fields) > briefBytes {
		fields = fields[:briefBytes] + "..."
	}
	return fmt.Sprintf("%s{%s}", m.ProtoReflect().Descriptor().Name(), fields)
}
