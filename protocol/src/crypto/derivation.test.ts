import assert from 'node:assert/strict'
import { pbkdf2Sync } from 'node:crypto'
import test from 'node:test'
import fc from 'fast-check'
import { fromHex, toHex } from '../lib/bytes.ts'
import { deriveHardened, entropyOf, identityKey, identityPath, mnemonicOf, seedOf } from './derivation.ts'
import { publicKeyOf } from './ed25519.ts'
import { type Did, formatDid } from './keys.ts'

// The official vectors with 24 words (github.com/trezor/python-mnemonic, vectors.json): entropy, words, seed under the
// passphrase "TREZOR".
const bip39 = [
  [
    '00'.repeat(32),
    'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon art',
    'bda85446c68413707090a52022edd26a1c9462295029f2e60cd7c4f2bbd3097170af7a4d73245cafa9c3cca8d561a7c3de6f5d4a10be8ed2a5e608d68f92fcc8',
  ],
  [
    '7f'.repeat(32),
    'legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth title',
    'bc09fca1804f7e69da93c2f2028eb238c227f2e9dda30cd63699232578480a4021b146ad717fbb7e451ce9eb835f43620bf5c514db0f8add49f5d121449d3e87',
  ],
  [
    '80'.repeat(32),
    'letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic bless',
    'c0c519bd0e91a2ed54357d9d1ebef6f5af218a153624cf4f2da911a0ed8f7a09e2ef61af0aca007096df430022f7a2b6fb91661a9589097069720d015e4e982f',
  ],
  [
    'ff'.repeat(32),
    'zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote',
    'dd48c104698c30cfe2b6142103248622fb7bb0ff692eebb00089b32d22484e1613912f0a5b694407be899ffd31ed3992c456cdf60f5d4564b8ba3f05a69890ad',
  ],
  [
    '68a79eaca2324873eacc50cb9c6eca8cc68ea5d936f98787c60c7ebc74e6ce7c',
    'hamster diagram private dutch cause delay private meat slide toddler razor book happy fancy gospel tennis maple dilemma loan word shrug inflict delay length',
    '64c87cde7e12ecf6704ab95bb1408bef047c22db4cc7491c4271d170a1b213d20b385bc1588d9c7b38f1b39d415665b8a9030c9ec653d75e65f847d8fc1fc440',
  ],
  [
    '9f6a2878b2520799a44ef18bc7df394e7061a224d2c33cd015b157d746869863',
    'panda eyebrow bullet gorilla call smoke muffin taste mesh discover soft ostrich alcohol speed nation flash devote level hobby quick inner drive ghost inside',
    '72be8e052fc4919d2adf28d5306b5474b0069df35b02303de8c1729c9538dbb6fc2d731d5f832193cd9fb6aeecbc469594a70e3dd50811b5067f3b88b28c3e8d',
  ],
  [
    '066dca1a2bb7e8a1db2832148ce9933eea0f3ac9548d793112d9a95c9407efad',
    'all hour make first leader extend hole alien behind guard gospel lava path output census museum junior mass reopen famous sing advance salt reform',
    '26e975ec644423f4a4c4f4215ef09b4bd7ef924e85d1d17c4cf3f136c2863cf6df0a475045652c57eb5fb41513ca2a2d67722b77e954b4b3fc11f7590449191d',
  ],
  [
    'f585c11aec520db57dd353c69554b21a89b20fb0650966fa0a9d6f74fd989d8f',
    'void come effort suffer camp survey warrior heavy shoot primary clutch crush open amazing screen patrol group space point ten exist slush involve unfold',
    '01f5bced59dec48e362f2c45b5de68b9fd6c92c6634f44d6d40aab69056506f0e35524a518034ddc1192e1dacd32c1ed3eaa3c3b131c88ed8e7e54c49a5d0998',
  ],
] as const

/** BIP-39's seed by another library, to carry the official seeds over to the empty passphrase that clawnet uses. */
function bip39Seed(words: string, passphrase: string): string {
  return pbkdf2Sync(words, `mnemonic${passphrase}`, 2048, 64, 'sha512').toString('hex')
}

test('the official BIP-39 vectors give our words, entropy and seed', () => {
  for (const [entropy, words, seed] of bip39) {
    assert.equal(mnemonicOf(fromHex(entropy)), words)
    assert.equal(toHex(entropyOf(words)), entropy)
    assert.equal(bip39Seed(words, 'TREZOR'), seed)
    assert.equal(toHex(seedOf(fromHex(entropy))), bip39Seed(words, ''))
  }
})

// SLIP-0010, test vectors 1 and 2 for ed25519: steps, chain code, secret key.
const slip10 = [
  {
    seed: '000102030405060708090a0b0c0d0e0f',
    chain: [
      [
        [],
        '90046a93de5380a72b5e45010748567d5ea02bbf6522f979e05c0d8d8ca9fffb',
        '2b4be7f19ee27bbf30c667b642d5f4aa69fd169872f8fc3059c08ebae2eb19e7',
      ],
      [
        [0],
        '8b59aa11380b624e81507a27fedda59fea6d0b779a778918a2fd3590e16e9c69',
        '68e0fe46dfb67e368c75379acec591dad19df3cde26e63b93a8e704f1dade7a3',
      ],
      [
        [0, 1],
        'a320425f77d1b5c2505a6b1b27382b37368ee640e3557c315416801243552f14',
        'b1d0bad404bf35da785a64ca1ac54b2617211d2777696fbffaf208f746ae84f2',
      ],
      [
        [0, 1, 2],
        '2e69929e00b5ab250f49c3fb1c12f252de4fed2c1db88387094a0f8c4c9ccd6c',
        '92a5b23c0b8a99e37d07df3fb9966917f5d06e02ddbd909c7e184371463e9fc9',
      ],
      [
        [0, 1, 2, 2],
        '8f6d87f93d750e0efccda017d662a1b31a266e4a6f5993b15f5c1f07f74dd5cc',
        '30d1dc7e5fc04c31219ab25a27ae00b50f6fd66622f6e9c913253d6511d1e662',
      ],
      [
        [0, 1, 2, 2, 1000000000],
        '68789923a0cac2cd5a29172a475fe9e0fb14cd6adb5ad98a3fa70333e7afa230',
        '8f94d394a8e8fd6b1bc2f3f49f5c47e385281d5c17e65324b0f62483e37e8793',
      ],
    ],
  },
  {
    seed: 'fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a29f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542',
    chain: [
      [
        [],
        'ef70a74db9c3a5af931b5fe73ed8e1a53464133654fd55e7a66f8570b8e33c3b',
        '171cb88b1b3c1db25add599712e36245d75bc65a1a5c9e18d76f9f2b1eab4012',
      ],
      [
        [0],
        '0b78a3226f915c082bf118f83618a618ab6dec793752624cbeb622acb562862d',
        '1559eb2bbec5790b0c65d8693e4d0875b1747f4970ae8b650486ed7470845635',
      ],
      [
        [0, 2147483647],
        '138f0b2551bcafeca6ff2aa88ba8ed0ed8de070841f0c4ef0165df8181eaad7f',
        'ea4f5bfe8694d8bb74b7b59404632fd5968b774ed545e810de9c32a4fb4192f4',
      ],
      [
        [0, 2147483647, 1],
        '73bd9fff1cfbde33a1b846c27085f711c0fe2d66fd32e139d3ebc28e5a4a6b90',
        '3757c7577170179c7868353ada796c839135b3d30554bbb74a4b1e4a5a58505c',
      ],
      [
        [0, 2147483647, 1, 2147483646],
        '0902fe8a29f9140480a00ef244bd183e8a13288e4412d8389d140aac1794825a',
        '5837736c89570de861ebc173b1086da4f505d4adb387c6a1b1342d5e4ac9ec72',
      ],
      [
        [0, 2147483647, 1, 2147483646, 2],
        '5d70af781f3a37b829f0d060924d5e960bdc02e85423494afc0b1a41bbe196d4',
        '551d333177df541ad876a60ea71f00447931c0a9da16f227c11ea080d7391b8d',
      ],
    ],
  },
] as const

test('the official SLIP-0010 vectors for ed25519 give our chain codes and secret keys', () => {
  for (const { seed, chain } of slip10) {
    for (const [steps, chainCode, secretKey] of chain) {
      const derived = deriveHardened(fromHex(seed), steps)
      assert.deepEqual([toHex(derived.chainCode), toHex(derived.secretKey)], [chainCode, secretKey], steps.join('/'))
    }
  }
})

test("an agent's key is the one at m/44'/9527'/index'/0' of the wallet", () => {
  const seed = seedOf(new Uint8Array(32))
  assert.equal(identityPath(3), "m/44'/9527'/3'/0'")
  assert.deepEqual(identityKey(seed, 3), deriveHardened(seed, [44, 9527, 3, 0]).secretKey)
})

test("the key of an agent's second rotation is the one at m/44'/9527'/index'/2'", () => {
  const seed = seedOf(new Uint8Array(32))
  assert.equal(identityPath(3, 2), "m/44'/9527'/3'/2'")
  assert.deepEqual(identityKey(seed, 3, 2), deriveHardened(seed, [44, 9527, 3, 2]).secretKey)
})

// A clawnet of another language must find these, or a restored wallet is empty there.
test('the wallet of all-zero entropy has these DIDs for ever', () => {
  const seed = seedOf(new Uint8Array(32))
  const dids = [0, 1].map(index => formatDid(publicKeyOf(identityKey(seed, index)) as Did))
  assert.deepEqual(dids, [
    'did:claw:z6MkjxnbiAHH5XSbc2LxsUTYqb8fs2rXAgwkCRGJdKdKGbYm',
    'did:claw:z6MkurKo42v8iyaAAxvcGE5VybnimXdh6wBbi3gQzSbQjC62',
  ])
})

test('words give back the entropy they were made of', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), entropy => {
      assert.deepEqual(entropyOf(mnemonicOf(entropy)), entropy)
    }),
  )
})

test('words may be typed in capitals, with newlines and spare spaces', () => {
  const words = bip39[4][1]
  assert.equal(toHex(entropyOf(`  ${words.toUpperCase().replaceAll(' ', ' \n ')}\n`)), bip39[4][0])
})

test('wrong words are refused with what to look for', () => {
  const words: readonly string[] = bip39[4][1].split(' ')
  assert.throws(() => entropyOf(''), /must be 24 words, has 0/)
  assert.throws(() => entropyOf(words.slice(0, 12).join(' ')), /must be 24 words, has 12/)
  assert.throws(
    () => entropyOf(words.with(6, 'privat').join(' ')),
    /^DecodeError: word 7 is not in the English BIP-39 list/,
  )
  assert.throws(
    () => entropyOf(words.with(0, words[1]!).with(1, words[0]!).join(' ')),
    /the checksum of the words does not match/,
  )
})
