package wire

// This file has the memory of slices. The short slices of a long list share allocations.

import (
	"reflect"
	"unsafe"
)

// blockLength is how many elements the slices of a long list allocate together.
const blockLength = 32

// block is memory for elements of a slice type. The first used ones belong to earlier slices, and
// the next n to the slice that is being read. The others are zero.
type block struct {
	of      *plan // the slice type
	memory  unsafe.Pointer
	length  int
	used, n int
	shared  bool // other slices get what is left
}

// takeBlock returns the memory for a new slice.
func (d *decoder) takeBlock(of *plan) block {
	if d.texts == nil || of.element.of.Size() == 0 {
		return block{of: of}
	}
	for i := range d.blocks {
		if b := d.blocks[i]; b.of == of {
			d.blocks[i] = block{} // a type that holds itself takes another one
			return b
		}
	}
	return block{of: of, shared: true}
}

// returnBlock makes what is left of a block available to the next slice.
func (d *decoder) returnBlock(b block) {
	if !b.shared {
		return
	}
	b.used, b.n = b.used+b.n, 0
	for i := range d.blocks {
		if d.blocks[i].of == nil || d.blocks[i].of == b.of {
			d.blocks[i] = b
			return
		}
	}
	d.blocks = append(d.blocks, b)
}

// next returns the memory for another element of the slice at to.
func (b *block) next(to unsafe.Pointer) unsafe.Pointer {
	if b.used+b.n == b.length {
		longer := b.of.pointer(to).Elem()
		if b.n == 0 {
			longer.SetZero()
		} else {
			b.cut(to)
		}
		longer.Grow(max(b.n, b.first())) // which copies the elements
		b.memory, b.length, b.used = longer.UnsafePointer(), longer.Cap(), 0
	}
	return b.at(b.used + b.n)
}

// first returns for how many elements memory is allocated at first.
func (b *block) first() int {
	const small = 32 // bytes
	switch {
	case b.shared:
		return blockLength
	case b.of.element.of.Size() > small:
		return 1
	}
	return 4
}

// at returns the address of an element.
func (b *block) at(i int) unsafe.Pointer {
	return unsafe.Add(b.memory, uintptr(i)*b.of.element.of.Size())
}

// cut makes the slice at to the elements that were read. Appending to it allocates, so that it
// never writes into the next slice.
func (b *block) cut(to unsafe.Pointer) {
	if b.n == 0 || b.of.element.of.Size() == 0 {
		b.of.pointer(to).Elem().Set(reflect.MakeSlice(b.of.of, b.n, b.n)) // not nil
		return
	}
	// A slice has its address, length and capacity in memory, whatever its elements are.
	*(*[]byte)(to) = unsafe.Slice((*byte)(b.at(b.used)), b.n) //nolint:gosec // within the block
}
