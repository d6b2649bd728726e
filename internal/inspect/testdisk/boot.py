# SPDX-License-Identifier: MPL-2.0
# What is on boot.xfs.zst: `python3 boot.py` makes src/ and root/, then (Debian 13)
#   gensquashfs -q -c zstd --pack-dir root rootfs.sqsh; touch init
#   printf "init\\nrootfs.sqsh\\n" | cpio -o -H newc | zstd -19 >src/A/initramfs.xz
#   truncate -s 300M boot.xfs; xfs_protofile src >proto
#   mkfs.xfs -L BOOT -c options=/usr/share/xfsprogs/mkfs/lts_6.12.conf -p file=proto boot.xfs; zstd -19 --long boot.xfs
import struct,os,random
random.seed(2)
# arm64 Image: header, PE headers for EFI, banner, noise.
img=bytearray(8192)
img[0:2]=b'MZ'
struct.pack_into('<Q',img,8,0); struct.pack_into('<Q',img,16,1<<20)  # text_offset, image_size
img[56:60]=b'ARM\x64'; struct.pack_into('<I',img,60,64)
img[64:68]=b'PE\0\0'
# COFF: machine, sections, time, symtab, nsyms, optsize, characteristics
struct.pack_into('<HHIIIHH',img,68,0xaa64,1,0,0,0,112,0x206)
struct.pack_into('<H',img,88,0x20b)        # PE32+
struct.pack_into('<I',img,88+108,0)        # NumberOfRvaAndSizes
sec=88+112
img[sec:sec+8]=b'.text\0\0\0'
struct.pack_into('<IIII',img,sec+8,4096,4096,4096,4096)
struct.pack_into('<I',img,sec+36,0x60000020)
b=b'Linux version 6.12.117-nanopi (test@m6) (aarch64-linux-gnu-gcc (Debian 14.2.0-19) 14.2.0, GNU ld 2.44) #1 SMP Thu Jan  1 00:00:01 UTC 1970\n\0'
img[5000:5000+len(b)]=b
img[6000:8192]=random.randbytes(2192)
os.makedirs('src/A',exist_ok=True); os.makedirs('src/grub',exist_ok=True)
open('src/A/vmlinuz','wb').write(img)
open('src/grub/grub.cfg','w').write('''set default="A - Talos v1.10.6"

set timeout=3

insmod all_video

terminal_input console
terminal_output console

menuentry "A - Talos v1.10.6" {
  set gfxmode=auto
  set gfxpayload=text
  linux /A/vmlinuz talos.platform=metal console=tty0 console=ttyS2,1500000 sysctl.kernel.kexec_load_disabled=1 talos.dashboard.disabled=1 init_on_alloc=1
  initrd /A/initramfs.xz
}
menuentry "Reset Talos installation and return to maintenance mode" {
  set gfxmode=auto
  set gfxpayload=text
  linux /A/vmlinuz talos.platform=metal console=tty0 console=ttyS2,1500000 talos.experimental.wipe=system:EPHEMERAL,STATE
  initrd /A/initramfs.xz
}
''')
m='root/usr/lib/modules/6.12.117-nanopi/kernel/drivers/net'
os.makedirs(m,exist_ok=True)
open(m+'/dummy.ko','wb').write(b'\x7fELF'+bytes(60)+b'license=GPL\0vermagic=6.12.117-nanopi SMP preempt mod_unload aarch64\0name=dummy\0')
open(m+'/veth.ko','wb').write(b'\x7fELF'+bytes(60)+b'vermagic=6.12.117-nanopi SMP preempt mod_unload aarch64\0name=veth\0')
open('root/usr/lib/modules/6.12.117-nanopi/modules.dep','w').write('kernel/drivers/net/dummy.ko:\n')
os.makedirs('root/usr/lib',exist_ok=True)
open('root/usr/lib/os-release','w').write('NAME="Talos"\nID=talos\nVERSION_ID=v1.10.6\n')
