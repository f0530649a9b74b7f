// The two levels of groups that scores can be summed over, as marks on WordNet's tree. A class belongs to the nearest mark at or above
// it (docs/labels.md has the rule). Each entry is a group and the synsets that it is made of: WordNet id and first word, which
// make-wordnet.mjs compares. Several synsets make one group where WordNet has a thing in several places. A mark on a single class
// takes it out of a group where WordNet puts it and people would not: a punching bag is no ball.

/**
 * What people call a thing first: a cat, not a tabby and not an animal. A class under none of these marks is such a name already,
 * and a group of its own.
 * @type {Record<string, string>}
 */
export const BASIC = {
  // Animals
  cat: 'n02121808 domestic cat',
  wildcat: 'n02124623 wildcat',
  'big cat': 'n02127808 big cat',
  dog: 'n02084071 dog',
  'wild dog': 'n02115335 wild dog',
  wolf: 'n02114100 wolf',
  fox: 'n02118333 fox',
  bear: 'n02131653 bear',
  panda: 'n02507649 procyonid',
  rabbit: 'n02324045 rabbit',
  elephant: 'n02503517 elephant',
  monkey: 'n02484322 monkey',
  ape: 'n02470325 ape',
  lemur: 'n02496913 lemur',
  whale: 'n02062744 whale',
  pig: 'n02395003 swine',
  sheep: 'n02411705 sheep, n02414578 wild sheep',
  antelope: 'n02419796 antelope',
  bird: 'n01503061 bird',
  fish: 'n02512053 fish',
  frog: 'n01639765 frog',
  salamander: 'n01629276 salamander',
  turtle: 'n01662784 turtle',
  lizard: 'n01674464 lizard',
  snake: 'n01726692 snake',
  crocodile: 'n01696633 crocodilian reptile',
  spider: 'n01772222 spider',
  crab: 'n01976957 crab',
  lobster: 'n01982650 lobster',
  beetle: 'n02164464 beetle',
  butterfly: 'n02274259 butterfly',
  // Plants, fungi, food
  flower: 'n11669921 flower',
  fungus: 'n12992868 fungus',
  squash: 'n07715561 squash',
  sandwich: 'n07695965 sandwich',
  // Vehicles
  car: 'n02958343 car',
  truck: 'n04490091 truck',
  bus: 'n02924116 bus',
  train: 'n04468005 train, n03684823 locomotive, n02959942 car',
  bicycle: 'n02834778 bicycle',
  cart: 'n02970849 cart',
  sled: 'n04235291 sled',
  airplane: 'n03510583 heavier-than-air craft',
  boat: 'n02858304 boat',
  sailboat: 'n04128837 sailing vessel',
  ship: 'n04194289 ship',
  submarine: 'n04347754 submarine',
  // Devices and instruments
  piano: 'n03928116 piano',
  guitar: 'n03467517 guitar',
  clock: 'n03046257 clock',
  gun: 'n03343853 firearm',
  computer: 'n03918480 personal computer',
  keyboard: 'n03614007 keyboard',
  screen: 'n03211117 display, n03782006 monitor',
  telephone: 'n04401088 telephone',
  camera: 'n02942699 camera',
  sunglasses: 'n04356056 sunglasses, n04355933 sunglass',
  lock: 'n03682487 lock',
  knife: 'n03623556 knife',
  pen: 'n03906997 pen',
  pan: 'n03880531 pan',
  // Containers
  bottle: 'n02876657 bottle',
  bowl: 'n02880940 bowl',
  glass: 'n03438257 glass',
  basket: 'n02801938 basket',
  box: 'n02883344 box',
  safe: 'n04125021 safe',
  mailbox: 'n03710193 mailbox',
  bag: 'n02773037 bag',
  'sleeping bag': 'n04235860 sleeping bag',
  // At home and on people
  chair: 'n03001627 chair',
  cabinet: 'n02933112 cabinet',
  'baby bed': 'n02766320 baby bed',
  curtain: 'n03151077 curtain',
  towel: 'n04459362 towel',
  hat: 'n03497657 hat',
  cap: 'n02954340 cap',
  helmet: 'n03513137 helmet, n03513376 helmet',
  mask: 'n03724870 mask, n03725035 mask',
  coat: 'n03057021 coat',
  sweater: 'n04370048 sweater',
  skirt: 'n04230808 skirt',
  swimsuit: 'n04371563 swimsuit',
  necktie: 'n03815615 necktie',
  scarf: 'n04143897 scarf',
  shoe: 'n04199027 shoe',
  'body armor': 'n02862048 body armor',
  // Sports, buildings, landscape
  ball: 'n02778669 ball',
  'punching bag': 'n04023962 punching bag',
  bridge: 'n02898711 bridge',
  fence: 'n03327234 fence',
  roof: 'n04105068 roof',
  shop: 'n03748162 mercantile establishment',
  shore: 'n09433442 shore',
};

/**
 * What a thing is at large. The root is marked too, so every class has such a group.
 * @type {Record<string, string>}
 */
export const BROAD = {
  animal: 'n00015388 animal',
  plant: 'n00017222 plant, n13086908 plant part',
  fungus: 'n12992868 fungus',
  person: 'n00007846 person',
  food: 'n00021265 food, n07555863 food',
  landscape: 'n09287968 geological formation',
  vehicle: 'n03100490 conveyance, n04576211 wheeled vehicle, n03791235 motor vehicle',
  weapon: 'n04565375 weapon, n02739668 armor',
  'musical instrument': 'n03800933 musical instrument',
  clothing:
    'n03051540 clothing, n03380867 footwear, n02862048 body armor, n02740764 armor plate, n03045698 cloak, n03597469 jewelry, ' +
    'n03725035 mask, n04507155 umbrella',
  furniture:
    'n03405265 furnishing, n03366823 floor cover, n02851099 blind, n04151581 screen, n04151940 screen, n04181718 shade',
  textile: 'n03309808 fabric, n03932670 piece of cloth, n03050026 cloth covering, n03873064 padding',
  toiletry: 'n04447443 toiletry, n15074962 tissue',
  kitchenware:
    'n04516672 utensil, n04550840 ware, n03990474 pot, n02880940 bowl, n04284002 spoon, n03633091 ladle, n03241496 drinking vessel, n03438257 glass, n03733644 measure, ' +
    'n04183329 shaker, n04332243 strainer, n03848348 opener',
  container: 'n03094503 container',
  appliance: 'n02729837 appliance, n03483316 hand blower, n03508101 heater, n03320046 fan',
  electronics:
    'n03278248 electronic equipment, n03277771 electronic device, n03269401 electrical device, n03918480 personal computer, ' +
    'n03614007 keyboard, n03926148 photographic equipment, n03078287 communication system, n03744840 memory device, ' +
    'n04004475 printer, n03257586 duplicator, n04074963 remote control, n04009552 projector, n03602883 joystick',
  instrument: 'n03574816 instrument, n02938886 calculator, n02708224 analog computer, n04355933 sunglass',
  tool: 'n03563967 implement, n03997484 power tool, n03996145 power saw',
  'sports equipment':
    'n04285146 sports equipment, n03414162 game equipment, n04285622 sports implement, n03208556 disk, n04120093 runner',
  toy: 'n03964744 plaything, n03413828 game',
  sign: 'n06793231 sign, n06791372 signal',
  structure: 'n04341686 structure, n04105068 roof, n04191943 shelter, n04362025 surface, n03933933 pier',
  device: 'n03183080 device',
  'other thing': 'n00001740 entity, n07565083 menu, n06359193 web site, n04275548 spider web',
};
