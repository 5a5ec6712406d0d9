module github.com/bankmux/bankmux/bankhttp/launcher/size

go 1.26.0

require (
	github.com/bankmux/bankmux v0.0.0-00010101000000-000000000000
	github.com/evanw/esbuild v0.28.2
)

require golang.org/x/sys v0.0.0-20220715151400-c0bba94af5f8 // indirect

replace github.com/bankmux/bankmux => ../../..
