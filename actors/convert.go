package actors

import (
	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// VectorOf returns the amounts of m; nothing at all for nil.
func VectorOf(m *messages.Vector) resource.Vector {
	v := resource.Vector{
		CPU:       m.GetCpuMillicores(),
		Memory:    m.GetMemoryBytes(),
		Storage:   m.GetStorageBytes(),
		Bandwidth: m.GetBandwidthBps(),
		IO:        m.GetIoOps(),
	}
	for _, a := range m.GetExtended() {
		v.Extended = append(v.Extended, resource.Amount{Name: a.GetName(), Value: a.GetValue()})
	}
	return v
}

// VectorMessage returns v as a message.
func VectorMessage(v resource.Vector) *messages.Vector {
	m := &messages.Vector{
		CpuMillicores: v.CPU,
		MemoryBytes:   v.Memory,
		StorageBytes:  v.Storage,
		BandwidthBps:  v.Bandwidth,
		IoOps:         v.IO,
	}
	for _, a := range v.Extended {
		m.Extended = append(m.Extended, &messages.Amount{Name: a.Name, Value: a.Value})
	}
	return m
}

func windowOf(m *messages.Window) span.Window {
	return span.Window{Start: span.Time(m.GetStartMs()), End: span.Time(m.GetEndMs())}
}

func windowMessage(w span.Window) *messages.Window {
	return &messages.Window{StartMs: int64(w.Start), EndMs: int64(w.End)}
}
